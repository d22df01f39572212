package demo

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"
)

// lookAround returns what a process on the machine sees: the host's name, and who runs there.
func lookAround(t *testing.T, m *machine) (name string, programs []string) {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.Command("/bin/sh", "-c", "cat /proc/sys/kernel/hostname /proc/[0-9]*/comm")
	cmd.Stdout = &out
	p, err := m.start(m.host, cmd)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(out.String())
	return lines[0], lines[1:]
}

func TestTheProcessesOfAMachineSeeOnlyEachOther(t *testing.T) {
	d := start(t, &recorder{})
	for i, g := range guardedHosts() {
		name, programs := lookAround(t, d.fleet.machines[i])
		if name != g.name {
			t.Errorf("the name of %s is %s there", g.name, name)
		}
		seen := map[string]int{}
		for _, program := range programs {
			seen[program]++
		}
		// The first process, what is guarded, and who looks.
		if len(programs) != 3 || seen[programOf(g.role)] != 1 {
			t.Errorf("on %s run %q; want one %s, and no others' programs", g.name, programs, programOf(g.role))
		}
	}
}

func TestWhoeverIsKilledOnAMachineIsAlone(t *testing.T) {
	d := start(t, &recorder{})
	m := d.fleet.machines[0]
	victim, err := m.start(m.host, exec.Command("/bin/sleep", "1000"))
	if err != nil {
		t.Fatal(err)
	}
	victim.Kill()
	if err := victim.Wait(); err == nil {
		t.Error("it ended well")
	}
	if _, programs := lookAround(t, m); len(programs) != 3 {
		t.Errorf("%q are left; want all others", programs)
	}
	guarded := m.processes[0]
	m.close()
	select {
	case <-guarded.Done():
	default:
		t.Error("a program outlives its machine")
	}
}
