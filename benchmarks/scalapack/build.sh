#!/bin/sh
# Build the ScaLAPACK driver. Says what to install if something is missing; prints which BLAS the driver will use.
set -eu
cd "$(dirname "$0")"

missing=""
command -v make >/dev/null || missing="$missing make"
command -v mpicc >/dev/null || missing="$missing libopenmpi-dev"
command -v mpirun >/dev/null || missing="$missing openmpi-bin"
# The linker is asked, since distributions put libraries in different folders.
has_library() { echo 'int main(void) { return 0; }' | ${CC:-cc} -x c - "-l$1" -o /dev/null 2>/dev/null; }
command -v "${CC:-cc}" >/dev/null || missing="$missing gcc"
has_library scalapack-openmpi || missing="$missing libscalapack-openmpi-dev"
has_library openblas || missing="$missing libopenblas-dev"
if [ -n "$missing" ]; then
    echo "missing:$missing" >&2
    echo "install with: apt-get install$missing" >&2
    exit 3
fi

make --silent
# ScaLAPACK is linked to whatever libblas.so.3 is, and takes its BLAS from the first library that has it.
if ldd build/driver | grep -E 'lib(open)?blas' | awk '{print $3}' | xargs -n1 readlink -f | grep -v openblas; then
    echo "the libraries above are not OpenBLAS; choose it with: update-alternatives --config libblas.so.3-$(uname -m)-linux-gnu" >&2
    exit 4
fi
ldd build/driver | grep -E 'lib(open)?blas|liblapack' | awk '{print "uses " $3}' | while read -r word path; do
    echo "$word $(readlink -f "$path")"
done
