package receivers

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/notify"
)

// channel is one *_configs entry, alone in its receiver.
type channel struct {
	name     string // kind/receiver/index
	kind     string // slack
	resolved bool   // it wants to hear of an end
	conf     config.Receiver
}

// configsSuffix ends the keys that hold a list of channels.
const configsSuffix = "_configs"

// channels takes a receiver apart, by the types of Alertmanager's configuration: a kind that it learns is known here too.
func channels(receiver config.Receiver) []channel {
	var all []channel
	from := reflect.ValueOf(receiver)
	for i := range from.NumField() {
		key, _, _ := strings.Cut(from.Type().Field(i).Tag.Get("yaml"), ",")
		kind, isConfigs := strings.CutSuffix(key, configsSuffix)
		if !isConfigs {
			continue
		}
		list := from.Field(i)
		for j := range list.Len() {
			alone := config.Receiver{Name: receiver.Name, Labels: receiver.Labels}
			reflect.ValueOf(&alone).Elem().Field(i).Set(list.Slice(j, j+1))
			sender, ok := list.Index(j).Interface().(notify.ResolvedSender)
			all = append(all, channel{
				name: fmt.Sprintf("%s/%s/%d", kind, harmless(receiver.Name, longestName), j), kind: kind,
				resolved: ok && sender.SendResolved(), conf: alone,
			})
		}
	}
	return all
}

// kinds are the keys under which a receiver can have channels.
func kinds() []string {
	var all []string
	for f := range reflect.TypeFor[config.Receiver]().Fields() {
		if key, _, _ := strings.Cut(f.Tag.Get("yaml"), ","); strings.HasSuffix(key, configsSuffix) {
			all = append(all, key)
		}
	}
	return all
}
