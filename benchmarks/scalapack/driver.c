/* Times one ScaLAPACK routine on matrices in memory.
 *
 *     mpirun -np 2 ./driver ROUTINE N NB[,NB...] REPEATS [P Q]
 *
 * ROUTINE is a name of the table at the end of this file. Matrices are block-cyclic with square blocks of order NB on a
 * P x Q grid of processes (by default the squarest one with P <= Q). Each run prints one line of JSON: seconds from the
 * moment when all processes are ready until all are done, and a residual, which is of order 1 for a right result.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <float.h>
#include <limits.h>
#include <math.h>
#include <mpi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern void Cblacs_pinfo(int *me, int *count);
extern void Cblacs_get(int context, int what, int *value);
extern void Cblacs_gridinit(int *context, const char *order, int rows, int columns);
extern void Cblacs_gridinfo(int context, int *rows, int *columns, int *row, int *column);
extern void Cblacs_gridexit(int context);
extern int numroc_(const int *n, const int *nb, const int *me, const int *source, const int *count);
extern void descinit_(int *desc, const int *m, const int *n, const int *mb, const int *nb, const int *rsrc, const int *csrc,
                      const int *context, const int *lld, int *info);
extern void pdgemm_(const char *transa, const char *transb, const int *m, const int *n, const int *k, const double *alpha,
                    const double *a, const int *ia, const int *ja, const int *desca, const double *b, const int *ib,
                    const int *jb, const int *descb, const double *beta, double *c, const int *ic, const int *jc,
                    const int *descc);
extern void pdpotrf_(const char *uplo, const int *n, double *a, const int *ia, const int *ja, const int *desca, int *info);
extern void pdgemv_(const char *trans, const int *m, const int *n, const double *alpha, const double *a, const int *ia,
                    const int *ja, const int *desca, const double *x, const int *ix, const int *jx, const int *descx,
                    const int *incx, const double *beta, double *y, const int *iy, const int *jy, const int *descy,
                    const int *incy);
extern void pdtrmv_(const char *uplo, const char *trans, const char *diag, const int *n, const double *a, const int *ia,
                    const int *ja, const int *desca, double *x, const int *ix, const int *jx, const int *descx,
                    const int *incx);

static const int zero = 0, one = 1;
static const double d_zero = 0.0, d_one = 1.0;

static int rank;

static void fail(const char *message, const char *detail)
{
    if (rank == 0)
        fprintf(stderr, "driver: %s%s\n", message, detail);
    MPI_Abort(MPI_COMM_WORLD, 2);
    abort();
}

/* A matrix (or a vector, as one column), spread over the grid. */
typedef struct {
    int rows, columns, nb;
    int local_rows, local_columns;
    int process_row, process_column, process_rows, process_columns;
    int desc[9];
    double *data;
} Matrix;

static Matrix matrix(int context, int rows, int columns, int nb)
{
    Matrix a = {.rows = rows, .columns = columns, .nb = nb};
    Cblacs_gridinfo(context, &a.process_rows, &a.process_columns, &a.process_row, &a.process_column);
    a.local_rows = numroc_(&rows, &nb, &a.process_row, &zero, &a.process_rows);
    a.local_columns = numroc_(&columns, &nb, &a.process_column, &zero, &a.process_columns);
    int lld = a.local_rows > 1 ? a.local_rows : 1, info;
    descinit_(a.desc, &rows, &columns, &nb, &nb, &zero, &zero, &context, &lld, &info);
    if (info != 0)
        fail("descinit refused a descriptor", "");
    size_t count = (size_t)lld * (size_t)(a.local_columns > 1 ? a.local_columns : 1);
    a.data = calloc(count, sizeof(double));
    if (a.data == NULL)
        fail("not enough memory for a matrix; use a smaller N", "");
    return a;
}

static int global_index(int local, int nb, int process, int processes)
{
    return (local / nb * processes + process) * nb + local % nb;
}

/* A number in [-0.5, 0.5) that depends on the position only, so that no process needs another to fill its part. */
static double noise(uint64_t seed, uint64_t i, uint64_t j)
{
    uint64_t z = seed * 0xD1342543DE82EF95u + (i << 32 | j) + 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z ^= z >> 31;
    return (double)(z >> 11) * 0x1.0p-53 - 0.5;
}

static double general(uint64_t seed, int i, int j, int n)
{
    (void)n;
    return noise(seed, (uint64_t)i, (uint64_t)j);
}

/* Symmetric, and positive definite because the diagonal dominates. */
static double definite(uint64_t seed, int i, int j, int n)
{
    if (i == j)
        return n;
    return i > j ? noise(seed, (uint64_t)i, (uint64_t)j) : noise(seed, (uint64_t)j, (uint64_t)i);
}

static void fill(Matrix *a, double (*element)(uint64_t, int, int, int), uint64_t seed)
{
    for (int l = 0; l < a->local_columns; l++) {
        int j = global_index(l, a->nb, a->process_column, a->process_columns);
        for (int k = 0; k < a->local_rows; k++) {
            int i = global_index(k, a->nb, a->process_row, a->process_rows);
            a->data[(size_t)l * (size_t)a->local_rows + (size_t)k] = element(seed, i, j, a->rows);
        }
    }
}

/* y <- A x */
static void apply(const Matrix *a, const Matrix *x, Matrix *y)
{
    pdgemv_("N", &a->rows, &a->columns, &d_one, a->data, &one, &one, a->desc, x->data, &one, &one, x->desc, &one, &d_zero,
            y->data, &one, &one, y->desc, &one);
}

/* Largest |x_i - y_i| and largest |y_i| over all processes. */
static void compare(const Matrix *x, const Matrix *y, double *difference, double *size)
{
    double mine[2] = {0, 0}, all[2];
    size_t count = (size_t)x->local_rows * (size_t)x->local_columns;
    for (size_t k = 0; k < count; k++) {
        double d = fabs(x->data[k] - y->data[k]);
        if (isnan(d))
            d = INFINITY;
        mine[0] = fmax(mine[0], d);
        mine[1] = fmax(mine[1], fabs(y->data[k]));
    }
    MPI_Allreduce(mine, all, 2, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
    *difference = all[0];
    *size = all[1];
}

static double start_clock(void)
{
    MPI_Barrier(MPI_COMM_WORLD);
    return MPI_Wtime();
}

static double stop_clock(double start)
{
    MPI_Barrier(MPI_COMM_WORLD);
    return MPI_Wtime() - start;
}

typedef struct {
    double seconds, residual;
} Result;

/* C = A B, checked by C x = A (B x). */
static Result time_pdgemm(int context, int n, int nb)
{
    Matrix a = matrix(context, n, n, nb), b = matrix(context, n, n, nb), c = matrix(context, n, n, nb);
    Matrix x = matrix(context, n, 1, nb), bx = matrix(context, n, 1, nb), abx = matrix(context, n, 1, nb),
           cx = matrix(context, n, 1, nb);
    fill(&a, general, 1);
    fill(&b, general, 2);
    fill(&x, general, 3);
    Result result;
    double start = start_clock();
    pdgemm_("N", "N", &n, &n, &n, &d_one, a.data, &one, &one, a.desc, b.data, &one, &one, b.desc, &d_zero, c.data, &one,
            &one, c.desc);
    result.seconds = stop_clock(start);
    apply(&b, &x, &bx);
    apply(&a, &bx, &abx);
    apply(&c, &x, &cx);
    double difference, size;
    compare(&cx, &abx, &difference, &size);
    result.residual = difference / (size * n * DBL_EPSILON);
    Matrix *all[] = {&a, &b, &c, &x, &bx, &abx, &cx};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++)
        free(all[k]->data);
    return result;
}

/* A = L L^T, checked by L (L^T x) = A x. */
static Result time_pdpotrf(int context, int n, int nb)
{
    Matrix a = matrix(context, n, n, nb);
    Matrix x = matrix(context, n, 1, nb), ax = matrix(context, n, 1, nb);
    fill(&a, definite, 1);
    fill(&x, general, 3);
    apply(&a, &x, &ax);
    Result result;
    int info;
    double start = start_clock();
    pdpotrf_("L", &n, a.data, &one, &one, a.desc, &info);
    result.seconds = stop_clock(start);
    if (info != 0)
        fail("pdpotrf failed", "");
    pdtrmv_("L", "T", "N", &n, a.data, &one, &one, a.desc, x.data, &one, &one, x.desc, &one);
    pdtrmv_("L", "N", "N", &n, a.data, &one, &one, a.desc, x.data, &one, &one, x.desc, &one);
    double difference, size;
    compare(&x, &ax, &difference, &size);
    result.residual = difference / (size * n * DBL_EPSILON);
    free(a.data);
    free(x.data);
    free(ax.data);
    return result;
}

static double flops_pdgemm(double n) { return 2 * n * n * n; }
static double flops_pdpotrf(double n) { return n * n * n / 3 + n * n / 2 + n / 6; }

/* To add a routine: a function that fills, times and checks it, its flop count, and a row. */
static const struct {
    const char *name;
    Result (*time)(int context, int n, int nb);
    double (*flops)(double n);
} routines[] = {
    {"pdgemm", time_pdgemm, flops_pdgemm},
    {"pdpotrf", time_pdpotrf, flops_pdpotrf},
};

static int positive(const char *text)
{
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < 1 || value > INT_MAX)
        fail("wanted a positive integer, got ", text);
    return (int)value;
}

/* The file that dgemm really comes from, and how it is configured if it is OpenBLAS. */
static void describe_blas(char *file, char *config)
{
    Dl_info where;
    void *dgemm = dlsym(RTLD_DEFAULT, "dgemm_");
    if (dgemm == NULL || dladdr(dgemm, &where) == 0 || realpath(where.dli_fname, file) == NULL)
        strcpy(file, "unknown");
    const char *(*get_config)(void);
    *(void **)&get_config = dlsym(RTLD_DEFAULT, "openblas_get_config");
    snprintf(config, 256, "%s", get_config != NULL ? get_config() : "not OpenBLAS");
}

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    int processes;
    Cblacs_pinfo(&rank, &processes);
    if (argc != 5 && argc != 7)
        fail("usage: driver ROUTINE N NB[,NB...] REPEATS [P Q]", "");
    size_t chosen = 0, known = sizeof routines / sizeof *routines;
    while (chosen < known && strcmp(argv[1], routines[chosen].name) != 0)
        chosen++;
    if (chosen == known)
        fail("unknown routine ", argv[1]);
    int n = positive(argv[2]), repeats = positive(argv[4]), p, q;
    if (argc == 7) {
        p = positive(argv[5]);
        q = positive(argv[6]);
        if ((long)p * q != processes)
            fail("P times Q must be the number of processes", "");
    } else {
        for (p = (int)sqrt(processes); processes % p != 0; p--)
            ;
        q = processes / p;
    }
    int blocks[64], count = 0;
    for (char *text = strtok(argv[3], ","); text != NULL; text = strtok(NULL, ",")) {
        if (count == 64)
            fail("at most 64 block sizes, got one more: ", text);
        blocks[count++] = positive(text);
    }
    char file[PATH_MAX], config[256];
    describe_blas(file, config);
    int context;
    Cblacs_get(-1, 0, &context);
    Cblacs_gridinit(&context, "Row", p, q);
    /* Block sizes alternate, so that a change of the machine's load touches them all. */
    for (int repeat = 0; repeat < repeats; repeat++)
        for (int k = 0; k < count; k++) {
            Result result = routines[chosen].time(context, n, blocks[k]);
            if (rank == 0) {
                printf("{\"routine\": \"%s\", \"n\": %d, \"nb\": %d, \"grid\": [%d, %d], \"repeat\": %d, \"seconds\": %.6f, "
                       "\"gflops\": %.3f, \"residual\": %.3e, \"blas\": \"%s\", \"blas_config\": \"%s\"}\n",
                       routines[chosen].name, n, blocks[k], p, q, repeat, result.seconds,
                       routines[chosen].flops(n) / result.seconds * 1e-9, result.residual, file, config);
                fflush(stdout);
            }
            if (!(result.residual < 100))
                fail("wrong result of ", argv[1]);
        }
    Cblacs_gridexit(context);
    MPI_Finalize();
    return 0;
}
