package rerun

import (
	"cmp"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// PinsCost says what Pins costs.
const PinsCost = "one thread for each operation of XLA on a CPU, which a machine of many cores feels; " +
	"on a GPU no atomic sums, no TF32 and no search for the quickest kernels, which costs convolutions most"

// Pins returns the environment in which XLA and Go compute the same bits however
// many threads are free, on the hardware that env, a run's environment, describes.
//
// Our models need none of it on a CPU: on one machine they give the same bits
// anyway. It is for other programs, for machines that differ in their number of
// cores, and for GPUs, whose kernels add in the order in which threads come.
func Pins(env map[string]string) map[string]string {
	flags := []string{env["XLA_FLAGS"]}
	pins := map[string]string{"GOMAXPROCS": cmp.Or(env["gomaxprocs"], strconv.Itoa(runtime.GOMAXPROCS(0)))}
	if env["gpu"] != "" {
		flags = append(flags, "--xla_gpu_deterministic_ops=true", "--xla_gpu_autotune_level=0")
		pins["NVIDIA_TF32_OVERRIDE"], pins["TF_CUDNN_DETERMINISTIC"] = "0", "1"
	} else {
		flags = append(flags, "--xla_cpu_multi_thread_eigen=false")
	}
	pins["XLA_FLAGS"] = strings.TrimSpace(strings.Join(flags, " "))
	return pins
}

// PinsHere returns Pins for a program that this machine is to run for the first
// time, as key=value.
func PinsHere() []string {
	env := map[string]string{"XLA_FLAGS": os.Getenv("XLA_FLAGS")}
	if _, err := os.Stat("/proc/driver/nvidia/version"); err == nil {
		env["gpu"] = "NVIDIA"
	}
	var list []string
	for name, value := range Pins(env) {
		list = append(list, name+"="+value)
	}
	return list
}
