//go:build !faults

package runtime

import "minirun/nsinit"

// fault is a place where the fault tests kill minirun; it is nothing otherwise.
func fault(string) {}

// inject is where the fault tests make a step fail.
func inject(*nsinit.Plan) {}
