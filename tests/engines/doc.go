// Package engines proves that container engines run minirun unchanged. It
// starts private instances of containerd, dockerd and podman, each with
// directories, sockets and a cgroup of its own, on an image made on the spot,
// and does with them what their users do: once with minirun and once with
// runc. A check fails when what minirun's user sees is not what the check
// wants; where runc's user sees something else, that is printed.
//
// It is a module of its own, because the client of Kubernetes' Container
// Runtime Interface needs gRPC and protobuf: who builds minirun, or vets it,
// downloads none of that.
package engines
