package kernel

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// maxCombinations is how often a notebook may be asked to run: more is a slip.
const maxCombinations = 10000

// Combinations returns the values that parameters are to have in each of several
// executions of the notebook, and the names of those that differ between them.
// values are as a user writes them: one value, or a list of which each is to be
// tried, with each of the other lists' values. The last parameter that the
// notebook declares changes first.
//
// [1, 2] is a list, whatever the parameter's type: one of YAML's, so values with
// commas are quoted in it. For a number, a bool and a duration 1,2 is one too; for
// a string it is a string. A string that looks like a list is written ["[a]"].
func (nb *Notebook) Combinations(values map[string]string) (combinations []map[string]string, varied []string, err error) {
	params, err := nb.Parameters()
	if err != nil {
		return nil, nil, err
	}
	combinations = []map[string]string{{}}
	known := map[string]bool{}
	for _, p := range params {
		text, ok := values[p.Name]
		if !ok || known[p.Name] {
			continue
		}
		known[p.Name] = true
		list, err := p.list(text)
		if err != nil {
			return nil, nil, err
		}
		if len(list) > 1 {
			varied = append(varied, p.Name)
		}
		if len(combinations)*len(list) > maxCombinations {
			return nil, nil, fmt.Errorf("the parameters' lists make more than %d combinations", maxCombinations)
		}
		var more []map[string]string
		for _, c := range combinations {
			for _, value := range list {
				with := maps.Clone(c)
				with[p.Name] = value
				more = append(more, with)
			}
		}
		combinations = more
	}
	for name, value := range values {
		if !known[name] {
			for _, c := range combinations {
				c[name] = value // which SetParameters knows what to say to
			}
		}
	}
	return combinations, varied, nil
}

// list returns the values in text.
func (p Parameter) list(text string) ([]string, error) {
	trimmed := strings.TrimSpace(text)
	if strings.HasPrefix(trimmed, "[") && strings.HasSuffix(trimmed, "]") {
		list, err := yamlList(trimmed)
		if err != nil {
			return nil, fmt.Errorf("parameter %s: %s is not a list: %w", p.Name, text, err)
		}
		return list, nil
	}
	if p.Type == "string" || !strings.Contains(text, ",") {
		return []string{text}, nil
	}
	list := strings.Split(text, ",")
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
		if list[i] == "" {
			return nil, fmt.Errorf("parameter %s: a value is missing in the list %s", p.Name, text)
		}
	}
	return list, nil
}

func yamlList(text string) ([]string, error) {
	node, err := parseYAML([]byte(text))
	if err != nil {
		return nil, err
	}
	sequence, ok := node.(*ast.SequenceNode)
	if !ok || len(sequence.Values) == 0 {
		return nil, errors.New("write it as [value, value]")
	}
	var list []string
	for _, node := range sequence.Values {
		value, ok := scalar(node)
		if !ok {
			return nil, fmt.Errorf("%s is not a value", node)
		}
		list = append(list, value)
	}
	return list, nil
}

// ReadParameters reads values of parameters from a YAML or JSON file: one object,
// by name. A list there is one as Combinations takes it.
func ReadParameters(file string) (map[string]string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("parameters: %w", err)
	}
	node, err := parseYAML(data)
	if err != nil {
		return nil, fmt.Errorf("parameters in %s: %w", file, err)
	}
	var pairs []*ast.MappingValueNode
	switch n := node.(type) {
	case *ast.MappingNode:
		pairs = n.Values
	case *ast.MappingValueNode:
		pairs = append(pairs, n)
	case nil: // an empty file
	default:
		return nil, fmt.Errorf("parameters in %s: it is not one object with the parameters by name", file)
	}
	values := map[string]string{}
	for _, pair := range pairs {
		name, ok := scalar(pair.Key)
		if !ok {
			return nil, fmt.Errorf("parameters in %s: %s is not a name", file, pair.Key)
		}
		if _, again := values[name]; again {
			return nil, fmt.Errorf("parameters in %s: %s is there twice", file, name)
		}
		if sequence, ok := pair.Value.(*ast.SequenceNode); ok {
			if len(sequence.Values) == 0 {
				return nil, fmt.Errorf("parameters in %s: %s has a list without values", file, name)
			}
			var list []string
			for _, item := range sequence.Values {
				value, ok := scalar(item)
				if !ok {
					return nil, fmt.Errorf("parameters in %s: %s has a list with %s in it, which is not a value", file, name, item)
				}
				list = append(list, value)
			}
			if values[name], err = quoteList(list); err != nil {
				return nil, err
			}
			continue
		}
		value, ok := scalar(pair.Value)
		if !ok {
			return nil, fmt.Errorf("parameters in %s: %s is neither a value nor a list of values", file, name)
		}
		if strings.HasPrefix(value, "[") { // a string, and no list
			if value, err = quoteList([]string{value}); err != nil {
				return nil, err
			}
		}
		values[name] = value
	}
	return values, nil
}

// quoteList writes values as a list that Combinations takes for one.
func quoteList(values []string) (string, error) {
	b, err := encodeJSON(values) // YAML's lists include JSON's
	return string(b), err
}

// parseYAML returns the only document of a file, nil if it is empty.
func parseYAML(data []byte) (ast.Node, error) {
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n")
		return nil, errors.New(first)
	}
	var bodies []ast.Node
	for _, doc := range file.Docs {
		if doc.Body != nil {
			bodies = append(bodies, doc.Body)
		}
	}
	switch len(bodies) {
	case 0:
		return nil, nil
	case 1:
		return bodies[0], nil
	}
	return nil, errors.New("it has several documents")
}

// scalar returns a value as it is written: a number keeps its digits.
func scalar(node ast.Node) (string, bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	}
	return "", false
}

// parameterVariable starts the names of environment variables with values of
// parameters.
const parameterVariable = "ASSAY_PARAM_"

// EnvironmentParameters returns the values of the notebook's parameters in
// variables of an environment ("name=value"): ASSAY_PARAM_learningRate, or
// ASSAY_PARAM_LEARNING_RATE. unknown are the variables that name no parameter.
func (nb *Notebook) EnvironmentParameters(environment []string) (values map[string]string, unknown []string, err error) {
	params, err := nb.Parameters()
	if err != nil {
		return nil, nil, err
	}
	fold := func(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "")) }
	values = map[string]string{}
	for _, pair := range environment {
		variable, value, _ := strings.Cut(pair, "=")
		name, ok := strings.CutPrefix(variable, parameterVariable)
		if !ok {
			continue
		}
		i := slices.IndexFunc(params, func(p Parameter) bool { return p.Name == name })
		if i < 0 {
			i = slices.IndexFunc(params, func(p Parameter) bool { return fold(p.Name) == fold(name) })
		}
		if i < 0 {
			unknown = append(unknown, variable)
			continue
		}
		values[params[i].Name] = value
	}
	return values, unknown, nil
}
