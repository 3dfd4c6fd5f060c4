package warm

func init() { Stack() }

// Stack has the calling goroutine's stack grow at once to what a verb needs,
// rather than from 2 kB by doubling: each time the runtime walks and copies
// it, and fills a pool of stacks of that size. It is the size of the frame
// that does it (runtime.newstack); the branch keeps the frame from being
// touched.
//
//go:noinline
func Stack() byte {
	if never != 0 {
		var frame [40 << 10]byte
		for i := range frame {
			frame[i] = frame[i/2] + never
		}
		return frame[len(frame)-1]
	}
	return 0
}

// never is 0, which the compiler does not know.
var never byte
