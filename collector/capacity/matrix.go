package capacity

import "math"

// The places of the coefficients in θ and x.
const (
	base = iota
	slope
	unreturned
	leak
	dim
)

type (
	vector [dim]float64
	matrix [dim][dim]float64 // symmetric
	lower  matrix            // a Cholesky factor: zero above the diagonal
)

func dot(a, b vector) float64 {
	return a[0]*b[0] + a[1]*b[1] + a[2]*b[2] + a[3]*b[3]
}

// times is the product of a matrix and a vector.
func (m *matrix) times(v vector) vector {
	return vector{dot(m[0], v), dot(m[1], v), dot(m[2], v), dot(m[3], v)}
}

// cholesky finds L with LLᵀ = m. It is false where m is not positive definite, which is also how a broken number shows.
func (m *matrix) cholesky() (lower, bool) {
	var l lower
	for i := range dim {
		for j := range i + 1 {
			sum := m[i][j]
			for k := range j {
				sum -= l[i][k] * l[j][k]
			}
			if i != j {
				l[i][j] = sum / l[j][j]
				continue
			}
			if !(sum > 0) || math.IsInf(sum, 0) {
				return lower{}, false
			}
			l[i][i] = math.Sqrt(sum)
		}
	}
	return l, true
}

// forward solves Lu = v.
func (l *lower) forward(v vector) vector {
	for i := range dim {
		for k := range i {
			v[i] -= l[i][k] * v[k]
		}
		v[i] /= l[i][i]
	}
	return v
}

// solve solves LLᵀu = v.
func (l *lower) solve(v vector) vector {
	v = l.forward(v)
	for i := dim - 1; i >= 0; i-- {
		for k := i + 1; k < dim; k++ {
			v[i] -= l[k][i] * v[k]
		}
		v[i] /= l[i][i]
	}
	return v
}

// quadratic is vᵀ(LLᵀ)⁻¹v.
func (l *lower) quadratic(v vector) float64 {
	u := l.forward(v)
	return dot(u, u)
}

// inverse is (LLᵀ)⁻¹.
func (l *lower) inverse() matrix {
	var inverse matrix
	for i := range dim {
		var unit vector
		unit[i] = 1
		inverse[i] = l.solve(unit)
	}
	return inverse
}
