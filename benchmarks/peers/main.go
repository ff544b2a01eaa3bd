// A peer of the margin proof: the same statement in gnark's Groth16, folded, with gnark's own commitment.
//
// An account holds n quantities below 2^60 in magnitude. Under each of m scenarios, given by a public column of n
// integers, the sum of column times quantity is a slack that must not be negative. The prover
//
//  1. commits to quantities and slacks with gnark's Pedersen commitment (eprint 2022/1072), blinded;
//  2. hashes the commitment and the columns to a weight rho, and folds the columns: f = sum_j rho^j column_j;
//  3. proves in Groth16, with f and the powers of rho as public inputs, that the committed values are in range and that
//     sum_i f_i quantity_i = sum_j rho^j slack_j.
//
// The verifier takes the commitment from the proof, hashes and folds again, and checks the proof. So one circuit serves
// every epoch, and no product of a column and a quantity but n is in it. What the peer lacks: commitments that add up
// over venues, a setup that all circuits share, and a verifier that reads fewer than n public inputs.
package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"hash/fnv"
	"math/big"
	"os"
	"runtime"
	"time"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/backend"
	"github.com/consensys/gnark/backend/groth16"
	groth16_bn254 "github.com/consensys/gnark/backend/groth16/bn254"
	"github.com/consensys/gnark/constraint/solver"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/frontend/cs/r1cs"
	"github.com/consensys/gnark/logger"
	"github.com/consensys/gnark/std/rangecheck"
)

const (
	quantityBits = 60
	slackBits    = 132
)

// Circuit says that the committed values are in range and that the folded equation holds.
type Circuit struct {
	Folded     []frontend.Variable `gnark:",public"` // sum_j rho^j column_j[i]
	Powers     []frontend.Variable `gnark:",public"` // rho^j
	Quantities []frontend.Variable
	Slacks     []frontend.Variable
}

// Define writes the constraints.
func (c *Circuit) Define(api frontend.API) error {
	committed := append(append([]frontend.Variable{}, c.Quantities...), c.Slacks...)
	if _, err := api.(frontend.Committer).Commit(committed...); err != nil {
		return err
	}
	ranges := rangecheck.New(api)
	half := new(big.Int).Lsh(big.NewInt(1), quantityBits)
	sum := frontend.Variable(0)
	for i, quantity := range c.Quantities {
		// -2^60 <= quantity < 2^60.
		ranges.Check(api.Add(quantity, half), quantityBits+1)
		sum = api.MulAcc(sum, c.Folded[i], quantity)
	}
	for j, slack := range c.Slacks {
		ranges.Check(slack, slackBits)
		sum = api.Sub(sum, api.Mul(c.Powers[j], slack))
	}
	api.AssertIsEqual(sum, 0)
	return nil
}

func shape(rows, scenarios int) *Circuit {
	variables := func(count int) []frontend.Variable { return make([]frontend.Variable, count) }
	return &Circuit{variables(rows), variables(scenarios), variables(rows), variables(scenarios)}
}

// fold is the weight that commitment and columns determine: its powers, and the columns weighed by them.
func fold(commitment bn254.G1Affine, digest [32]byte, columns [][]fr.Element) (folded, powers []fr.Element) {
	point := commitment.Bytes()
	hash := sha256.Sum256(append(append([]byte("zkmargin/peer/v1"), digest[:]...), point[:]...))
	var rho, power, term fr.Element
	rho.SetBytes(hash[:])
	power.SetOne()
	folded, powers = make([]fr.Element, len(columns[0])), make([]fr.Element, len(columns))
	for j, column := range columns {
		power.Mul(&power, &rho)
		powers[j] = power
		for i := range column {
			folded[i].Add(&folded[i], term.Mul(&power, &column[i]))
		}
	}
	return folded, powers
}

func assignment(folded, powers, quantities, slacks []fr.Element) *Circuit {
	variables := func(values []fr.Element) []frontend.Variable {
		result := make([]frontend.Variable, len(values))
		for i := range values {
			result[i] = values[i]
		}
		return result
	}
	return &Circuit{variables(folded), variables(powers), variables(quantities), variables(slacks)}
}

// maskedBy has gnark blind its commitments with this number, for the commitment must be known before the proof is made.
// gnark draws one a commitment, from a hint that can be told apart by its name alone. The range checks' commitment gets
// the same number on another basis, which hides it under the decisional Diffie-Hellman assumption.
func maskedBy(mask fr.Element) backend.ProverOption {
	name := fnv.New32a()
	name.Write([]byte("github.com/consensys/gnark/internal/hints.Randomize"))
	hint := func(_ *big.Int, _, outputs []*big.Int) error {
		mask.BigInt(outputs[0])
		return nil
	}
	return backend.WithSolverOptions(solver.OverrideHint(solver.HintID(name.Sum32()), hint))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "peer:", err)
		os.Exit(1)
	}
}

func random(bits uint) *big.Int {
	value, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), bits))
	check(err)
	return value
}

func main() {
	rows := flag.Int("rows", 4096, "quantities")
	scenarios := flag.Int("scenarios", 16, "columns")
	rounds := flag.Int("rounds", 5, "proofs to time, after one that warms up")
	flag.Parse()
	logger.Disable()

	// Columns of prices below 2^40 of either sign; a book that one large, certain gain makes adequate.
	columns, slacks := make([][]fr.Element, *scenarios), make([]fr.Element, *scenarios)
	quantities, integers := make([]fr.Element, *rows), make([]*big.Int, *rows)
	for i := range integers {
		integers[i] = new(big.Int).Sub(random(20), big.NewInt(1<<19))
		if i == 0 {
			integers[i] = new(big.Int).Lsh(big.NewInt(1), quantityBits-1)
		}
		quantities[i].SetBigInt(integers[i])
	}
	for j := range columns {
		columns[j] = make([]fr.Element, *rows)
		total := new(big.Int)
		for i := range columns[j] {
			price := new(big.Int).Sub(random(41), big.NewInt(1<<40))
			if i == 0 {
				price = big.NewInt(1 << 40)
			}
			columns[j][i].SetBigInt(price)
			total.Add(total, price.Mul(price, integers[i]))
		}
		if total.Sign() < 0 {
			check(fmt.Errorf("the book of the benchmark is not adequate"))
		}
		slacks[j].SetBigInt(total)
	}
	digest := func() (out [32]byte) {
		hash := sha256.New()
		for _, column := range columns {
			for i := range column {
				bytes := column[i].Bytes()
				hash.Write(bytes[:])
			}
		}
		hash.Sum(out[:0])
		return out
	}()

	compiled, err := frontend.Compile(ecc.BN254.ScalarField(), r1cs.NewBuilder, shape(*rows, *scenarios))
	check(err)
	start := time.Now()
	provingKey, verifyingKey, err := groth16.Setup(compiled)
	check(err)
	setup := time.Since(start)
	commitmentKey := provingKey.(*groth16_bn254.ProvingKey).CommitmentKeys[0]

	prove := func(slacks []fr.Element) (groth16.Proof, error) {
		var mask fr.Element
		_, err := mask.SetRandom()
		check(err)
		// gnark orders what it commits to by wire, its own random one last.
		values := append(append(append([]fr.Element{}, quantities...), slacks...), mask)
		commitment, err := commitmentKey.Commit(values)
		check(err)
		folded, powers := fold(commitment, digest, columns)
		witness, err := frontend.NewWitness(
			assignment(folded, powers, quantities, slacks), ecc.BN254.ScalarField())
		check(err)
		return groth16.Prove(compiled, provingKey, witness, maskedBy(mask))
	}
	verify := func(proof groth16.Proof) error {
		folded, powers := fold(proof.(*groth16_bn254.Proof).Commitments[0], digest, columns)
		hidden := make([]fr.Element, *rows+*scenarios)
		witness, err := frontend.NewWitness(
			assignment(folded, powers, hidden[:*rows], hidden[*rows:]),
			ecc.BN254.ScalarField(), frontend.PublicOnly())
		check(err)
		return groth16.Verify(proof, verifyingKey, witness)
	}

	proof, err := prove(slacks)
	check(err)
	check(verify(proof))
	var proving, verifying time.Duration
	for round := 0; round < *rounds; round++ {
		start = time.Now()
		proof, err = prove(slacks)
		check(err)
		if taken := time.Since(start); round == 0 || taken < proving {
			proving = taken
		}
		start = time.Now()
		check(verify(proof))
		if taken := time.Since(start); round == 0 || taken < verifying {
			verifying = taken
		}
	}

	// It means something: a slack that is off by one has no proof, and a proof fits no other market.
	var one fr.Element
	one.SetOne()
	wrong := append([]fr.Element{}, slacks...)
	wrong[0].Add(&wrong[0], &one)
	if _, err := prove(wrong); err == nil {
		check(fmt.Errorf("a wrong slack was proven"))
	}
	columns[0][1].Add(&columns[0][1], &one)
	if verify(proof) == nil {
		check(fmt.Errorf("a proof was accepted in another market"))
	}

	check(json.NewEncoder(os.Stdout).Encode(map[string]any{
		"peer":        "gnark Groth16, folded, own commitment",
		"rows":        *rows,
		"scenarios":   *scenarios,
		"cores":       runtime.GOMAXPROCS(0),
		"constraints": compiled.GetNbConstraints(),
		"setup_ms":    setup.Milliseconds(),
		"prove_ms":    float64(proving.Microseconds()) / 1e3,
		"verify_ms":   float64(verifying.Microseconds()) / 1e3,
	}))
}
