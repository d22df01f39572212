// Package capacity tells how many connections fit, how sure that is, and until when. It is pure: windows, counts and times
// come in as values.
//
// The one idea: memory is a line in the connections, learnt with stated uncertainty, and what counts is where its upper bound
// meets the limit. Per window y is the largest memory (GB), n the largest count, p the fading peak of n since the start:
//
//	x = [1, n/10⁴, (p−n)/10⁴, age in days]        base, per connection, not yet returned, leak
//	Λ ← λΛ + (1−λ)Λ₀ + w·xxᵀ/v                    z ← λz + (1−λ)Λ₀θ₀ + w·x·y/v      P = Λ⁻¹, θ = Pz
//	μ = xᵀθ + max(0,b)·max(1, N/n_max)            U = μ + 1.28·√(6·xᵀPx + max(s², (0.003μ)²) + (0.25·k·(N−n_max)⁺/10⁴)²)
//
// This is least squares with stabilised forgetting (Kulhavý and Zarrop, 1993): what the load no longer shows returns to a
// prior that was measured on Nakama 3. Weights, noise s² and bias b are beside their equations in estimator.go. It was
// the best of ten tried (facts: connections and memory, "The capacity model").
package capacity
