package engines

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"minirun/tests/rig"
)

// image is the name of the image that every check uses, as engines normalise it.
const image = "docker.io/library/minirun-test:latest"

// makeImage writes an archive as `docker save` does, which every engine
// loads: a busybox root file system in one layer, under the names given, or
// else under the one that every check uses.
func makeImage(r *rig.Rig, names ...string) string {
	r.Helper()
	if len(names) == 0 {
		names = []string{image}
	}
	rootfs := r.Path("image-rootfs")
	if err := rig.MakeRootfs(rootfs); err != nil {
		r.Fatal(err)
	}
	layer, err := layerOf(rootfs)
	if err != nil {
		r.Fatal(err)
	}
	if err := os.RemoveAll(rootfs); err != nil {
		r.Fatal(err)
	}
	config := fmt.Sprintf(`{"architecture":"amd64","os":"linux","config":{"Env":["PATH=/bin"],"Cmd":["sleep","1000"]},`+
		`"rootfs":{"type":"layers","diff_ids":["sha256:%x"]}}`, sha256.Sum256(layer))
	manifest, err := json.Marshal([]map[string]any{{"Config": "config.json", "RepoTags": names, "Layers": []string{"layer.tar"}}})
	if err != nil {
		r.Fatal(err)
	}
	path := r.Path("image.tar")
	f, err := os.Create(path)
	if err != nil {
		r.Fatal(err)
	}
	defer f.Close()
	w := tar.NewWriter(f)
	for _, part := range []struct {
		name string
		data []byte
	}{{"layer.tar", layer}, {"config.json", []byte(config)}, {"manifest.json", manifest}} {
		w.WriteHeader(&tar.Header{Name: part.name, Mode: 0o644, Size: int64(len(part.data))})
		w.Write(part.data)
	}
	if err := w.Close(); err != nil { // tells of every write that failed
		r.Fatal(err)
	}
	return path
}

// layerOf is a directory as a tar file.
func layerOf(dir string) ([]byte, error) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		link := ""
		if d.Type()&fs.ModeSymlink != 0 {
			if link, err = os.Readlink(path); err != nil {
				return err
			}
		}
		h, err := tar.FileInfoHeader(info, link)
		if err != nil {
			return err
		}
		h.Name = path[len(dir)+1:]
		if err := w.WriteHeader(h); err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if err == nil {
			_, err = w.Write(data)
		}
		return err
	})
	if err == nil {
		err = w.Close()
	}
	return buf.Bytes(), err
}
