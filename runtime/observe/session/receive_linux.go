package session

import "golang.org/x/sys/unix"

// receive returns a packet, empty at the end.
//
// A peer that has gone with packets of ours unread is ECONNRESET before it is
// the end, and the kernel says so once, ahead of what the peer had said last
// (unix_release_sock, sock_error in __skb_try_recv_datagram): that is read on for.
func receive(fd, flags int) ([]byte, error) {
	buf := make([]byte, packetMost)
	for {
		n, _, err := unix.Recvfrom(fd, buf, flags)
		if err == unix.EINTR || err == unix.ECONNRESET {
			continue
		}
		if err != nil {
			return nil, err
		}
		return buf[:n], nil
	}
}
