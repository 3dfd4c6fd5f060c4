// Command heap uses two pieces of heap and prints its /proc/self/smaps.
package main

import (
	"os"

	_ "minirun/runtime/warm"
)

var keep [][]byte

func main() {
	for range 6 {
		keep = append(keep, make([]byte, 1<<20))
	}
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		panic(err)
	}
	os.Stdout.Write(smaps)
}
