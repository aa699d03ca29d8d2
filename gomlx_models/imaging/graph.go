package imaging

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/layers/activation"
	"github.com/gomlx/gomlx/ml/layers/norm"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/assay-ml/assay/gomlx_models/fit"
	"github.com/assay-ml/assay/gomlx_models/layer"
)

// unit returns pixels as numbers from 0 to 1.
//
//	pixels  uint8 [batch, height, width, channels]
//	returns float32, the same shape
func unit(pixels *Node) *Node {
	return DivScalar(ConvertDType(pixels, dtypes.Float32), 255)
}

// checkSize finds films too small for the blocks, each of which leaves less
// than half of the height and width.
func (f *fitted) checkSize() error {
	if f.Config.Network == "resnet18" {
		return nil // pads at the edges
	}
	side := min(f.Height, f.Width)
	for range f.Config.Filters {
		side = (side - 2) / 2
	}
	if side < 1 {
		return fmt.Errorf("films of %d×%d pixels are too small for %d blocks of convolution and pooling: use larger films, a larger size, or fewer filters",
			f.Height, f.Width, len(f.Config.Filters))
	}
	return nil
}

// normalize shifts and scales pixels as the configuration says, and by the mean
// and the deviation of films where these are each film's own.
//
//	x       [batch, height, width, channels], from 0 to 1
//	films   the same, or [1, height, width, channels]
//	returns the shape of x
func (f *fitted) normalize(x, films *Node) *Node {
	switch f.Config.Normalize {
	case "film":
		mean := ReduceAndKeep(films, ReduceMean, 1, 2, 3)
		deviation := Sqrt(ReduceAndKeep(Square(Sub(films, mean)), ReduceMean, 1, 2, 3))
		return Div(Sub(x, mean), MaxScalar(deviation, 1e-3)) // a film of one grey has none
	case "data":
		channel := func(values []float64) *Node {
			return Reshape(ConvertDType(Const(x.Graph(), values), x.DType()), 1, 1, 1, len(values))
		}
		return Div(Sub(x, channel(f.Mean)), channel(f.Scale))
	}
	return x
}

// features is the convolutional part of the network: what Grad-CAM looks at.
//
//	x       [batch, height, width, channels], normalised
//	returns [batch, height', width', filters], not negative
func (f *fitted) features(scope *model.Scope, x *Node) *Node {
	if f.Config.Network == "resnet18" {
		return f.residual(scope, x)
	}
	for i, filters := range f.Config.Filters {
		scope := scope.In("conv%d", i)
		x = layer.Conv2D(scope, x, layer.Conv{Channels: filters, Kernel: 3, NoBias: f.Config.BatchNorm})
		if f.Config.BatchNorm {
			x = batchNorm(scope, x)
		}
		if i < len(f.Config.Filters)-1 {
			x = layer.ReluMaxPool2(x)
		}
	}
	return activation.Relu(x)
}

// head maps features to logits.
//
//	x       [batch, height', width', filters]
//	returns [batch, classes]
func (f *fitted) head(scope *model.Scope, x *Node) *Node {
	if f.Config.Network == "resnet18" {
		x = ReduceMean(x, 1, 2) // [batch, filters]
	} else {
		x = layer.MaxPool2(x)
		x = Reshape(x, x.Shape().Dimensions[0], -1)
		x = activation.Relu(layers.DenseWithBias(scope.In("dense"), x, f.Config.Dense)) // [batch, dense]
	}
	x = layers.DropoutStatic(scope.In("dropout"), x, f.Config.Dropout)
	return layers.DenseWithBias(scope.In("classes"), x, len(f.Config.Classes))
}

// residual is the convolutional part of ResNet-18: He et al., CVPR 2016. Small
// films, below 65 pixels, enter by a 3×3 convolution that keeps their size, as
// in that paper's CIFAR networks; larger ones by 7×7 with stride 2 and pooling.
//
//	x       [batch, height, width, channels]
//	returns [batch, height', width', last filters]
func (f *fitted) residual(scope *model.Scope, x *Node) *Node {
	filters := f.Config.Filters
	entry := layer.Conv{Channels: filters[0], Kernel: 3, Same: true, NoBias: true}
	small := max(f.Height, f.Width) <= 64
	if !small {
		entry.Kernel, entry.Stride = 7, 2
	}
	x = activation.Relu(batchNorm(scope.In("entry_norm"), layer.Conv2D(scope.In("entry"), x, entry)))
	if !small {
		x = MaxPool(x).Window(3).Strides(2).PadSame().Done()
	}
	for stage, n := range filters {
		for block := range 2 {
			scope := scope.In("stage%d_block%d", stage, block)
			stride := 1
			if stage > 0 && block == 0 {
				stride = 2
			}
			y := layer.Conv2D(scope.In("first"), x, layer.Conv{Channels: n, Kernel: 3, Stride: stride, Same: true, NoBias: true})
			y = activation.Relu(batchNorm(scope.In("first_norm"), y))
			y = layer.Conv2D(scope.In("second"), y, layer.Conv{Channels: n, Kernel: 3, Same: true, NoBias: true})
			y = batchNorm(scope.In("second_norm"), y)
			if stride > 1 || x.Shape().Dimensions[3] != n {
				x = layer.Conv2D(scope.In("skip"), x, layer.Conv{Channels: n, Kernel: 1, Stride: stride, Same: true, NoBias: true})
				x = batchNorm(scope.In("skip_norm"), x)
			}
			x = activation.Relu(Add(x, y))
		}
	}
	return x
}

// batchNorm normalises channels by the batch in training, else by the averages
// of training, in operations that have gradients for explanations.
func batchNorm(scope *model.Scope, x *Node) *Node {
	return norm.BatchNorm(scope, x, -1).Momentum(0.9).UseBackendInference(scope.IsTraining(x.Graph())).Done()
}

// forward maps films to the logits of the whole, and to what Grad-CAM looks
// at: the features of each network of the ensemble. The ensemble's probability
// is the mean of its networks'; its logits are those of that probability.
//
//	x        [batch, height, width, channels], normalised
//	logits   [batch, classes]
//	features of each network, [batch, height', width', filters]
func (f *fitted) forward(scope *model.Scope, x *Node) (logits *Node, features []*Node) {
	if f.Config.Ensemble == 1 {
		features = []*Node{f.features(scope, x)}
		return f.head(scope, features[0]), features
	}
	var yes, no []*Node // logarithms of probabilities
	for i := range f.Config.Ensemble {
		scope := scope.In(fit.Member, i)
		features = append(features, f.features(scope, x))
		z := f.head(scope, features[i])
		if f.Multi {
			yes, no = append(yes, Neg(Softplus(Neg(z)))), append(no, Neg(Softplus(z)))
		} else {
			yes = append(yes, LogSoftmax(z, -1))
		}
	}
	logits = logMeanExp(yes)
	if f.Multi {
		logits = Sub(logits, logMeanExp(no))
	}
	return logits, features
}

// logMeanExp is the logarithm of the mean of the exponentials of nodes of one shape.
func logMeanExp(nodes []*Node) *Node {
	all := Stack(nodes, 0)
	top := StopGradient(ReduceMax(all, 0))
	return Add(top, Log(ReduceMean(Exp(Sub(all, InsertAxes(top, 0))), 0)))
}

// loss is the weighted focal cross-entropy of each row; γ = 0 leaves the
// cross-entropy. Of labels that do not exclude each other, it is the mean over
// labels, each a choice between two.
//
//	L = −w[y] (1 − p[y])^γ log p[y]
//
//	labels  float32 [batch, classes], 1 where the class or label holds
//	outputs [batch, classes], logits
//	returns [batch]
//
// Lin et al., ICCV 2017.
func (f *fitted) loss(labels, outputs []*Node) *Node {
	holds, logits := labels[0], outputs[0]
	constant := func(values []float64) *Node {
		return InsertAxes(ConvertDType(Const(logits.Graph(), values), logits.DType()), 0) // [1, classes]
	}
	if f.Multi {
		logP := Neg(Softplus(Where(GreaterThan(holds, ScalarZero(holds.Graph(), holds.DType())), Neg(logits), logits)))
		weights := Add(Mul(holds, constant(f.Weights)), Mul(OneMinus(holds), constant(f.Absent)))
		return ReduceMean(Mul(f.focal(logP), weights), -1)
	}
	logP := ReduceSum(Mul(holds, LogSoftmax(logits, -1)), -1)
	return Mul(f.focal(logP), ReduceSum(Mul(holds, constant(f.Weights)), -1))
}

// focal is −(1 − p)^γ log p.
func (f *fitted) focal(logP *Node) *Node {
	if f.Config.Focal == 0 {
		return Neg(logP)
	}
	// 1-p is kept above 0: the gradient of its power at 0 is infinite for γ < 1.
	miss := MaxScalar(OneMinus(Exp(logP)), 1e-30)
	return Neg(Mul(logP, Pow(miss, Scalar(logP.Graph(), logP.DType(), f.Config.Focal))))
}
