# Sets up what a build needs: Rust, a C and C++ compiler, MPI. Sourced by the other scripts, not run.
# shellcheck shell=bash
#
# Rust links with the C compiler, and `ring` (TLS, for downloads from the hub) is partly C; tests run
# the GPU's kernels, which are C++, in an emulator. MPI is
# for runs of several processes; its Rust binding reads the library's headers with libclang. A build
# with `cargo build --release --no-default-features` needs neither of these two and trains in one
# process. Everything else cargo fetches by itself.

# The exit code of a missing device or library, as the programs have it.
readonly MISSING=4

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

die() {
    local code=$1
    shift
    say "$*"
    exit "$code"
}

# Finds cargo, also where rustup has put it but the shell does not look yet, and checks its version.
need_rust() {
    local manifest=$1/Cargo.toml needed found
    needed=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' "$manifest")
    command -v cargo >/dev/null || PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
    command -v cargo >/dev/null || die "$MISSING" "cargo was not found. Install Rust $needed or newer:
  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y
and start this script again."
    found=$(cargo --version) || die "$MISSING" "cargo is there but does not start (see above).
With rustup, choose a toolchain: rustup default stable"
    found=$(cut -d' ' -f2 <<<"$found")
    is_at_least "$needed" "$found" || die "$MISSING" "cargo is version $found, but $needed is needed.
With rustup: rustup update stable"
}

# Whether version $2 is $1 or newer.
is_at_least() { printf '%s\n' "$1" "$2" | sort --check=quiet --version-sort; }

# Installs a C and a C++ compiler unless they are there and can link a program.
need_c_compiler() {
    links_a_program && return
    say "installing build-essential with apt-get: Rust links with its C compiler, the TLS library ring" \
        "is partly C, and tests emulate the GPU's kernels in C++"
    install_packages build-essential
    links_a_program || die "$MISSING" "cc or c++ still cannot link a program; try: cc --version; c++ --version"
}

# Installs the packages $@.
install_packages() {
    command -v apt-get >/dev/null || die "$MISSING" "this is no Debian or Ubuntu. Install what
corresponds to: $*"
    local as_root=()
    if ((EUID != 0)); then
        command -v sudo >/dev/null || die "$MISSING" "as root:
  apt-get update && apt-get install -y $*"
        as_root=(sudo)
    fi
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# Installs an MPI library and what its Rust binding is generated with, unless they are there.
need_mpi() {
    local packages=()
    command -v mpicc >/dev/null || packages+=(libopenmpi-dev openmpi-bin)
    has_libclang || packages+=(libclang-dev clang)
    command -v pkg-config >/dev/null || packages+=(pkg-config)
    ((${#packages[@]} > 0)) || return 0
    say "installing ${packages[*]} with apt-get: MPI connects the processes of a run, and libclang" \
        "reads its headers (a build with --no-default-features needs neither)"
    install_packages "${packages[@]}"
    command -v mpicc >/dev/null || die "$MISSING" "mpicc is still not there; see: apt-get install libopenmpi-dev"
}

# A distribution's own package, or one that LIBCLANG_PATH names. The compiler's own libclang-cpp is
# another library.
has_libclang() {
    [[ -n ${LIBCLANG_PATH-} ]] || compgen -G '/usr/lib*/libclang[.-][0-9s]*' >/dev/null ||
        compgen -G '/usr/lib*/*/libclang[.-][0-9s]*' >/dev/null ||
        compgen -G '/usr/lib/llvm-*/lib/libclang[.-][0-9s]*' >/dev/null
}

# Also fails where the compiler is there but the C library's headers are not.
links_a_program() {
    printf '#include <stdlib.h>\nint main(void) { return EXIT_SUCCESS; }\n' |
        cc -x c -o /dev/null - 2>/dev/null &&
        printf '#include <string>\nint main() { return int(std::string().size()); }\n' |
        c++ -std=c++20 -x c++ -o /dev/null - 2>/dev/null
}

# Adds the parts of the Rust toolchain that only the checks use.
need_rust_components() {
    local missing=()
    cargo fmt --version >/dev/null 2>&1 || missing+=(rustfmt)
    cargo clippy --version >/dev/null 2>&1 || missing+=(clippy)
    ((${#missing[@]} > 0)) || return 0
    command -v rustup >/dev/null || die "$MISSING" "cargo has no ${missing[*]}, which the checks use.
Install Rust with rustup (https://rustup.rs), or the packages rustfmt and rust-clippy."
    say "adding ${missing[*]} to the Rust toolchain with rustup: the checks use them"
    rustup --quiet component add "${missing[@]}"
}

# Installs a Slurm that the tests start by themselves, on loopback and in a directory of its own.
need_slurm() {
    [[ -x /usr/sbin/slurmctld && -x /usr/sbin/slurmd && -x /usr/sbin/munged ]] && return
    say "installing slurmctld slurmd slurm-client munge with apt-get: a test submits launch/slurm.sbatch"
    install_packages slurmctld slurmd slurm-client munge
}

# Installs the schemas that a test compares the Kubernetes files with, beside the project $1.
need_kubernetes_schemas() {
    local venv=$1/venv
    "$venv/bin/python3" -c 'import kubernetes_validate' 2>/dev/null && return
    say "installing kubernetes-validate from PyPI into $venv: a test checks launch/kubernetes with it"
    python3 -m venv "$venv" >/dev/null 2>&1 || {
        install_packages python3-venv
        python3 -m venv "$venv"
    }
    "$venv/bin/python3" -m pip install --quiet --disable-pip-version-check kubernetes-validate==1.37.0
}
