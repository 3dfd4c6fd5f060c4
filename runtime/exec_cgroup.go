package runtime

import (
	"fmt"
	"path"
	"strings"
)

// subgroups are the directories of --cgroup, below those of the container.
// Without a controller the path counts in every hierarchy.
func subgroups(paths map[string]string, flags []string) (map[string]string, error) {
	if len(flags) == 0 {
		return paths, nil
	}
	subs := make(map[string]string, len(paths))
	for c, dir := range paths {
		subs[c] = dir
	}
	given := make(map[string]bool)
	for _, flag := range flags {
		controllers, sub, found := strings.Cut(flag, ":")
		if !found && len(flags) > 1 || strings.Contains(sub, ":") {
			return nil, fmt.Errorf("--cgroup %s: want CONTROLLER:PATH, or a single PATH", flag)
		}
		names := strings.Split(controllers, ",")
		if !found {
			sub, names = flag, sortedKeys(paths)
		}
		for _, name := range names {
			dir, known := paths[name]
			if !known || given[name] {
				return nil, fmt.Errorf("--cgroup %s: controller %q comes twice or is not the container's", flag, name)
			}
			given[name] = true
			if subs[name] = path.Join(dir, sub); subs[name] != dir && !strings.HasPrefix(subs[name], dir+"/") {
				return nil, fmt.Errorf("--cgroup %s: leads out of the container's cgroup", flag)
			}
		}
	}
	return subs, nil
}
