package cgroups

import (
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func deviceNumber(d specs.LinuxBlockIODevice) string {
	return itoa(d.Major) + ":" + itoa(d.Minor)
}

func blkioV1(r *specs.LinuxResources, read reader) ([]write, error) {
	b := r.BlockIO
	if b == nil {
		return nil, nil
	}
	var ws []write
	add := func(field, file, value string) {
		ws = append(ws, write{controller: "blkio", field: "blockIO." + field, file: file, value: value})
	}
	weights := value(b.Weight) != 0
	for _, d := range b.WeightDevice {
		weights = weights || value(d.Weight) != 0
	}
	// CFQ's files went with Linux 5.0, BFQ's are there when its module is.
	weightFile := "blkio.weight"
	if weights && read("blkio", weightFile) == "" {
		weightFile = "blkio.bfq.weight"
	}
	if n := value(b.Weight); n != 0 {
		add("weight", weightFile, utoa(uint64(n)))
	}
	if n := value(b.LeafWeight); n != 0 {
		add("leafWeight", "blkio.leaf_weight", utoa(uint64(n)))
	}
	for _, d := range b.WeightDevice {
		if n := value(d.Weight); n != 0 {
			add("weightDevice", weightFile+"_device", deviceNumber(d.LinuxBlockIODevice)+" "+utoa(uint64(n)))
		}
		if n := value(d.LeafWeight); n != 0 {
			add("weightDevice", "blkio.leaf_weight_device", deviceNumber(d.LinuxBlockIODevice)+" "+utoa(uint64(n)))
		}
	}
	for _, t := range throttles(b) {
		for _, d := range t.devices {
			add(t.field, t.v1, deviceNumber(d.LinuxBlockIODevice)+" "+utoa(d.Rate))
		}
	}
	return ws, nil
}

// A throttle is one of the four lists of limits per device.
type throttle struct {
	field, v1, v2 string
	devices       []specs.LinuxThrottleDevice
}

func throttles(b *specs.LinuxBlockIO) [4]throttle {
	return [4]throttle{
		{"throttleReadBpsDevice", "blkio.throttle.read_bps_device", "rbps", b.ThrottleReadBpsDevice},
		{"throttleWriteBpsDevice", "blkio.throttle.write_bps_device", "wbps", b.ThrottleWriteBpsDevice},
		{"throttleReadIOPSDevice", "blkio.throttle.read_iops_device", "riops", b.ThrottleReadIOPSDevice},
		{"throttleWriteIOPSDevice", "blkio.throttle.write_iops_device", "wiops", b.ThrottleWriteIOPSDevice},
	}
}

func ioV2(r *specs.LinuxResources, read reader) ([]write, error) {
	b := r.BlockIO
	if b == nil {
		return nil, nil
	}
	if value(b.LeafWeight) != 0 {
		return nil, notInV2("blockIO.leafWeight")
	}
	ws, err := ioWeights(b, read)
	if err != nil {
		return nil, err
	}
	for _, t := range throttles(b) {
		for _, d := range t.devices {
			rate := utoa(d.Rate)
			if d.Rate == 0 { // no limit, as version 1 reads it; version 2 wants the word
				rate = "max"
			}
			ws = append(ws, write{controller: "io", field: "blockIO." + t.field, file: "io.max",
				value: deviceNumber(d.LinuxBlockIODevice) + " " + t.v2 + "=" + rate})
		}
	}
	return ws, nil
}

// ioWeights: io.bfq.weight takes the spec's range of 10 to 1000 as it is, and
// is preferred where BFQ is there; io.weight belongs to the io.cost controller
// and has a range of 1 to 10000.
func ioWeights(b *specs.LinuxBlockIO, read reader) (ws []write, err error) {
	if value(b.Weight) == 0 && len(b.WeightDevice) == 0 {
		return nil, nil
	}
	file, scale := "io.weight", func(n uint16) uint64 { return 1 + (uint64(n)-10)*9999/990 }
	bfq := strings.TrimSpace(read("io", "io.bfq.weight"))
	if bfq != "" {
		file, scale = "io.bfq.weight", func(n uint16) uint64 { return uint64(n) }
	}
	add := func(field, device string, n uint16) error {
		if n < 10 || n > 1000 {
			return refused("blockIO."+field, "%d is not between 10 and 1000", n)
		}
		ws = append(ws, write{controller: "io", field: "blockIO." + field, file: file, value: device + utoa(scale(n))})
		return nil
	}
	if n := value(b.Weight); n != 0 {
		if err := add("weight", "", n); err != nil {
			return nil, err
		}
	}
	for _, d := range b.WeightDevice {
		switch n := value(d.Weight); {
		case value(d.LeafWeight) != 0:
			return nil, notInV2("blockIO.weightDevice.leafWeight")
		case n == 0:
		case isNumber(bfq): // a list since Linux 5.4, one number before
			return nil, refused("blockIO.weightDevice", "this kernel's BFQ has no weights per device")
		default:
			if err := add("weightDevice", deviceNumber(d.LinuxBlockIODevice)+" ", n); err != nil {
				return nil, err
			}
		}
	}
	return ws, nil
}

func isNumber(s string) bool {
	_, err := strconv.ParseUint(s, 10, 64)
	return err == nil
}
