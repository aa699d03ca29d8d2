// Package genome reads genotype calls as text and turns them into numbers that a
// model takes: how often an allele is carried, whether it is, how active a pair
// of star alleles is. It knows nothing of models.
//
//	fmt.Println(genome.Describe(frame, "VKORC1", "CYP2C9"))   // frequencies, missing calls, Hardy-Weinberg
//	frame, err := genome.Code(frame,
//		genome.Site{Column: "VKORC1", Coding: genome.Additive, Allele: "A", Other: "G"},
//		genome.Site{Column: "CYP2C9", Coding: genome.Activity, Function: genome.CYP2C9},
//	)
//
// Calls may also come from a VCF file: ReadVCF takes the genotypes out of one and
// leaves the rest. It is here because no Go library for VCF that is kept up
// could be found, and because genotypes need little of the format.
package genome
