# Builds the program of a cell in the current folder. go.sh reads this.
#
# The go command spends most of its time finding out that nothing has changed but
# the cell. So what it did for a program with the same imports is written down, its
# plan, and the compiler and the linker are called again as it called them. Whenever
# anything is not as it was, or goes wrong, the go command builds.
#
#   plans/KEY/compile, link               the two commands
#   plans/KEY/b001/importcfg[.link]       the packages, in the cache of the go command
#   plans/KEY/b001/embedcfg               the files with carried values

# plan prints the folder of the plan for the program here, or fails if it is to have
# none: C, files that the cell itself embeds, and modules in folders of the user's,
# which may change, are for the go command.
plan() {
	grep -q '"C"$\|"embed"$' main.go && return 1
	grep '=> ["./]' go.mod | grep -qv "=> $ASSAY_SOURCE\(/.*\)\?\$" && return 1
	key=$({
		sed -n '/^import (/,/^)/p; /^import [^(]/p' -- *.go
		echo *.go carried/*
		cksum go.mod go.sum
		env | grep '^GO\|^CGO_\|^CC=\|^CXX=' | sort
	} | cksum)
	echo "$ASSAY_KERNEL/plans/${key%% *}"
}

# follow FILE: builds FILE as the plan says. It fails if assay's own source has
# changed since.
follow() {
	[ -s "$WORK/link" ] || return 1
	changed=$(find "$ASSAY_SOURCE" \( -name '.?*' -o -name node_modules -o -name testdata -o -name bin \) -prune -o \
		-type f -newer "$WORK/link" ! -name '*.db*' ! -name '*.ipynb' -print) && [ -z "$changed" ] || return 1
	(eval "$(cat "$WORK/compile")" && eval "$(cat "$WORK/link")") >/dev/null 2>&1 && mv "$WORK/b001/exe/a.out" "$1"
}

# note LOG: makes a plan of what go build -x said that it did. Packages that it
# compiled just now are not in its cache under their names here: then there is none.
note() {
	built=$(sed -n 's/^WORK=//p' "$1")
	mkdir -p "$WORK/b001/exe" &&
		for config in importcfg importcfg.link embedcfg; do
			sed -n "\\|^cat >$built/b001/$config << |,/^EOF\$/p" "$1" | sed "1d;\$d;s|$built/b001/|$WORK/b001/|" >"$WORK/b001/$config"
		done
	if ! grep -q "$built/" "$WORK/b001/importcfg" "$WORK/b001/importcfg.link"; then
		grep '/compile -o \$WORK/b001/_pkg_\.a ' "$1" | head -n 1 >"$WORK/compile"
		grep '/link -o \$WORK/b001/exe/a\.out ' "$1" | head -n 1 >"$WORK/link"
	fi
}

# build FILE
build() {
	# The linker keeps little for long, so collecting garbage seldom is a tenth quicker.
	export GOGC="${GOGC:-400}"
	# Without symbol table and DWARF linking takes half the time; stack traces need neither.
	flags="-ldflags=-s -w"
	WORK=$(plan) || {
		"$ASSAY_GO" build -o "$1" "$flags"
		return
	}
	follow "$1" && return
	log="$ASSAY_KERNEL/build.log"
	if "$ASSAY_GO" build -x -o "$1" "$flags" 2>"$log"; then
		note "$log"
		return 0
	fi
	"$ASSAY_GO" build -o "$1" "$flags" # for its messages alone
}
