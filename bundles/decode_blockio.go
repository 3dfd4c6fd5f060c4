package bundles

import "github.com/opencontainers/runtime-spec/specs-go"

func readBlockIO(d *decoder, b *specs.LinuxBlockIO) {
	d.object(func(key string) {
		switch key {
		case "weight":
			ptr(d, &b.Weight, integer)
		case "leafWeight":
			ptr(d, &b.LeafWeight, integer)
		case "weightDevice":
			list(d, &b.WeightDevice, readWeightDevice)
		case "throttleReadBpsDevice":
			list(d, &b.ThrottleReadBpsDevice, readThrottleDevice)
		case "throttleWriteBpsDevice":
			list(d, &b.ThrottleWriteBpsDevice, readThrottleDevice)
		case "throttleReadIOPSDevice":
			list(d, &b.ThrottleReadIOPSDevice, readThrottleDevice)
		case "throttleWriteIOPSDevice":
			list(d, &b.ThrottleWriteIOPSDevice, readThrottleDevice)
		}
	})
}

func readWeightDevice(d *decoder, w *specs.LinuxWeightDevice) {
	d.object(func(key string) {
		switch key {
		case "major":
			integer(d, &w.Major)
		case "minor":
			integer(d, &w.Minor)
		case "weight":
			ptr(d, &w.Weight, integer)
		case "leafWeight":
			ptr(d, &w.LeafWeight, integer)
		}
	})
}

func readThrottleDevice(d *decoder, t *specs.LinuxThrottleDevice) {
	d.object(func(key string) {
		switch key {
		case "major":
			integer(d, &t.Major)
		case "minor":
			integer(d, &t.Minor)
		case "rate":
			integer(d, &t.Rate)
		}
	})
}
