package nsinit

import "golang.org/x/sys/unix"

// CompileHolder is the plan of a process that does nothing but keep its
// namespaces until its standard input ends.
func CompileHolder(arch string) (*Plan, error) {
	b, err := newBuilder(nil, Facts{Arch: arch})
	if err != nil {
		return nil, err
	}
	b.plan.Inherit = []Inherit{{Role: RoleSync}}
	b.call("no descriptor of the caller's is left", "close_range", num(1), sym(0xffffffff, "~0U"), num(0))
	b.do("until nobody needs these namespaces", Call{Name: "read", Args: []Arg{num(0), Ptr{Data: space(1, "byte")}, num(1)},
		On: tolerate(unix.EIO)})
	b.call("they have served", "exit_group", num(0))
	return b.plan, nil
}
