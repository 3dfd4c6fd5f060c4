package tracefs

import (
	"encoding/binary"
	"os"
	"reflect"
	"testing"
)

func text(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func pages(t testing.TB) layout {
	t.Helper()
	l, err := parseLayout(text(t, "header_page"))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// entry is one of a page: a word of kind and time, and what follows.
func entry(kind, delta int, rest ...uint32) (b []byte) {
	b = binary.NativeEndian.AppendUint32(b, uint32(kind|delta<<5))
	for _, w := range rest {
		b = binary.NativeEndian.AppendUint32(b, w)
	}
	return b
}

// pageOf is a page of 4096 bytes.
func pageOf(at uint64, flags uint32, lost uint64, entries ...[]byte) []byte {
	var data []byte
	for _, e := range entries {
		data = append(data, e...)
	}
	page := binary.NativeEndian.AppendUint64(nil, at)
	page = binary.NativeEndian.AppendUint64(page, uint64(uint32(len(data))|flags))
	page = append(page, data...)
	if flags&missedStored != 0 {
		page = binary.NativeEndian.AppendUint64(page, lost)
	}
	return append(page, make([]byte, 4096-len(page))...)
}

type seen struct {
	At   int64
	Data []uint32
}

func decode(t testing.TB, page []byte) (all []seen, lost uint64, err error) {
	lost, err = pages(t).page(page, func(at int64, data []byte) {
		s := seen{At: at}
		for ; len(data) >= 4; data = data[4:] {
			s.Data = append(s.Data, binary.NativeEndian.Uint32(data))
		}
		all = append(all, s)
	})
	return all, lost, err
}

func TestThePageIsThatOfTheKernel(t *testing.T) {
	if l := pages(t); l.size() != 4096 || l.data.offset != 16 || l.commit.size != 8 {
		t.Errorf("%+v", l)
	}
}

func TestEntries(t *testing.T) {
	const start = 1000
	for name, c := range map[string]struct {
		page []byte
		want []seen
		lost uint64
	}{
		"none":                   {pageOf(start, 0, 0), nil, 0},
		"times add up":           {pageOf(start, 0, 0, entry(1, 5, 7), entry(2, 6, 8, 9)), []seen{{1005, []uint32{7}}, {1011, []uint32{8, 9}}}, 0},
		"length in the word":     {pageOf(start, 0, 0, entry(0, 1, 12, 3, 4), entry(1, 1, 5)), []seen{{1001, []uint32{3, 4}}, {1002, []uint32{5}}}, 0},
		"time extend":            {pageOf(start, 0, 0, entry(30, 3, 2), entry(1, 1, 5)), []seen{{1000 + 3 + 2<<27 + 1, []uint32{5}}}, 0},
		"absolute time":          {pageOf(start, 0, 0, entry(31, 3, 2), entry(1, 1, 5)), []seen{{3 + 2<<27 + 1, []uint32{5}}}, 0},
		"discarded":              {pageOf(start, 0, 0, entry(29, 4, 8, 0), entry(1, 1, 5)), []seen{{1005, []uint32{5}}}, 0},
		"rest is padding":        {pageOf(start, 0, 0, entry(1, 1, 5), entry(29, 0), entry(1, 1, 6)), []seen{{1001, []uint32{5}}}, 0},
		"some are lost":          {pageOf(start, missedEvents|missedStored, 42, entry(1, 1, 5)), []seen{{1001, []uint32{5}}}, 42},
		"some, and nobody knows": {pageOf(start, missedEvents, 0, entry(1, 1, 5)), []seen{{1001, []uint32{5}}}, unknownLoss},
	} {
		all, lost, err := decode(t, c.page)
		if err != nil || lost != c.lost || !reflect.DeepEqual(all, c.want) {
			t.Errorf("%s: %v, lost %d, %v; want %v", name, all, lost, err, c.want)
		}
	}
}

func TestAPageThatEndsInAnEntryIsAnError(t *testing.T) {
	for name, page := range map[string][]byte{
		"short":            make([]byte, 8),
		"commit too large": pageOf(1000, 4095, 0),
		"data too long":    pageOf(1000, 0, 0, entry(28, 1, 5)),
		"word too long":    pageOf(1000, 0, 0, entry(0, 1, 1<<20, 5)),
		"word too short":   pageOf(1000, 0, 0, entry(0, 1, 3, 5)),
		"no word":          pageOf(1000, 0, 0, entry(30, 1)),
	} {
		if _, _, err := decode(t, page); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzPage(f *testing.F) {
	f.Add(pageOf(1000, missedEvents|missedStored, 42, entry(1, 1, 5), entry(0, 1, 12, 3, 4)))
	f.Fuzz(func(t *testing.T, page []byte) { decode(t, page) })
}
