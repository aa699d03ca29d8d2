package genome

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/assay-ml/assay/gomlx_models/table"
)

// most is how many sites ReadVCF takes: a table has columns, not genomes.
const most = 10_000

// ReadVCF reads the genotypes of a VCF file, plain or compressed by bgzip or
// gzip: a frame of a column "sample" and a column of calls ("A/G", "" if missing)
// for each site, named by its ID or, without one, "chromosome:position". Sites
// are those listed, by either name (of several IDs, by any), or all that passed the
// file's filters. Several records of one site are an error.
//
// Haploid calls (of mitochondria, of X in men) are missing: a call is two alleles.
func ReadVCF(r io.Reader, sites ...string) (*table.Frame, error) {
	in := bufio.NewReaderSize(r, 1<<16)
	if magic, _ := in.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		unzipped, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("genome: VCF: %w", err)
		}
		in = bufio.NewReaderSize(unzipped, 1<<16)
	}
	frame, err := readVCF(in, sites)
	if err != nil {
		return nil, fmt.Errorf("genome: VCF: %w", err)
	}
	return frame, nil
}

func readVCF(in *bufio.Reader, sites []string) (*table.Frame, error) {
	var frame *table.Frame
	var samples []string
	found := map[string]bool{}
	for number := 1; ; number++ {
		line, err := in.ReadString('\n')
		if line == "" && err == io.EOF {
			break
		}
		if err != nil && err != io.EOF {
			return nil, err
		}
		line = strings.TrimRight(line, "\r\n")
		switch {
		case number == 1 && !strings.HasPrefix(line, "##fileformat=VCF"):
			return nil, errors.New("the first line does not say ##fileformat=VCF")
		case strings.HasPrefix(line, "##") || line == "":
			continue
		case strings.HasPrefix(line, "#CHROM"):
			head := strings.Split(line, "\t")
			if len(head) < 10 {
				return nil, errors.New("it has no samples")
			}
			samples = head[9:]
			frame = &table.Frame{Columns: []table.Column{table.CategoryColumn("sample", samples)}}
			continue
		case samples == nil:
			return nil, fmt.Errorf("line %d comes before the header that begins with #CHROM", number)
		}
		if n := strings.Count(line, "\t") + 1; n != 9+len(samples) {
			return nil, fmt.Errorf("line %d has %d fields where the header has %d", number, n, 9+len(samples))
		}
		fields := strings.SplitN(line, "\t", 8) // the calls of sites that are not wanted stay in one
		place := fields[0] + ":" + fields[1]
		name := place
		if fields[2] != "." {
			name = fields[2]
		}
		called := append(strings.Split(name, ";"), name, place)
		listed := slices.ContainsFunc(sites, func(site string) bool { return slices.Contains(called, site) })
		passed := fields[6] == "PASS" || fields[6] == "."
		switch {
		case sites == nil && !passed, sites != nil && !listed:
			continue
		case !passed:
			return nil, fmt.Errorf("site %s did not pass the filter %s: its calls are not to be relied on", name, fields[6])
		case found[name]:
			return nil, fmt.Errorf("line %d: site %s is there twice: join its records first (bcftools norm -m +any), or list other sites", number, name)
		case len(frame.Columns)-1 == most:
			return nil, fmt.Errorf("it has more than %d sites: list those that you need", most)
		}
		calls, err := genotypes(strings.Split(line, "\t"))
		if err != nil {
			return nil, fmt.Errorf("line %d: site %s: %w", number, name, err)
		}
		for _, is := range called {
			found[is] = true
		}
		frame.Columns = append(frame.Columns, table.CategoryColumn(name, calls))
	}
	if frame == nil {
		return nil, errors.New("it has no header that begins with #CHROM")
	}
	for _, site := range sites {
		if !found[site] {
			return nil, fmt.Errorf("site %s is not in the file", site)
		}
	}
	return frame, nil
}

// genotypes returns the calls of a line's samples. The field GT holds places in
// the list of alleles, of which the first is the reference.
func genotypes(fields []string) ([]string, error) {
	at := slices.Index(strings.Split(fields[8], ":"), "GT")
	if at < 0 {
		return nil, errors.New("it has no genotypes (GT)")
	}
	list := append([]string{fields[3]}, strings.Split(fields[4], ",")...)
	calls := make([]string, len(fields)-9)
	for i, sample := range fields[9:] {
		parts := strings.Split(sample, ":")
		if at >= len(parts) { // trailing fields may be left out
			continue
		}
		places := strings.FieldsFunc(parts[at], func(r rune) bool { return r == '/' || r == '|' })
		if len(places) != 2 || slices.Contains(places, ".") {
			continue
		}
		var c [2]string
		for k, place := range places {
			n, err := strconv.Atoi(place)
			if err != nil || n < 0 || n >= len(list) {
				return nil, fmt.Errorf("genotype %q points to no allele of %s", parts[at], strings.Join(list, ","))
			}
			c[k] = list[n]
		}
		calls[i] = Call{A: min(c[0], c[1]), B: max(c[0], c[1])}.String()
	}
	return calls, nil
}
