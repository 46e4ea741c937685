#!/usr/bin/env bash
# Builds the Python wheel, installs it into a fresh environment without an index, and trains with it:
# in one process, on two ranks, and further from what was saved. Needs python3 with its module venv, and
# PyPI for maturin where it is not installed.
set -euo pipefail
cd "$(dirname "$0")/.."
launch/wheel.sh
wheels=(target/wheels/lockstep_trainer-*.whl)

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/python"
"$place/python/bin/pip" install --quiet --no-index "${wheels[@]}"
"$place/python/bin/pip" show lockstep-trainer | sed -n 1,2p
export PATH=$place/python/bin:$PATH
cd "$place"
[[ $(command -v trainer) == "$place/python/bin/trainer" ]]

{
    printf 'text\tlabel\n'
    for number in $(seq 40); do
        printf 'a warm cat number %d\tgood\na cold rain number %d\tbad\n' "$number" "$number"
    done
} >rows.tsv
run=(--model builtin:tiny --train-file rows.tsv --max-steps 5 --device cpu)
trainer train "${run[@]}" --output-dir one
launcher --nproc-per-node 2 --start local -- train "${run[@]}" --output-dir two
trainer train "${run[@]}" --model two --output-dir further
trainer predict --checkpoint two --input rows.tsv --output answers.tsv
lines=$(wc -l <answers.tsv)
echo "the wheel trained three times and answered $lines lines"
((lines >= 80))
