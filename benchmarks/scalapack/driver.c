/* Times one ScaLAPACK routine on matrices in memory.
 *
 *     mpirun -np 2 ./driver ROUTINE N NB[,NB...] REPEATS [P Q]
 *
 * ROUTINE is a name of the table at the end of this file. N is the order of the matrices, or MxN their shape, which only
 * pdgeqrf takes. Matrices are block-cyclic with square blocks of order NB on a P x Q grid of processes (by default the
 * squarest one with P <= Q, or with P >= Q for a tall matrix). Each run prints one line of JSON: seconds from the moment
 * when all processes are ready until all are done, and a residual, which is of order 1 for a right result.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>

#include "spread.h"

extern void pdgemm_(const char *transa, const char *transb, const int *m, const int *n, const int *k, const double *alpha,
                    const double *a, const int *ia, const int *ja, const int *desca, const double *b, const int *ib,
                    const int *jb, const int *descb, const double *beta, double *c, const int *ic, const int *jc,
                    const int *descc);
extern void pdpotrf_(const char *uplo, const int *n, double *a, const int *ia, const int *ja, const int *desca, int *info);
extern void pdtrmv_(const char *uplo, const char *trans, const char *diag, const int *n, const double *a, const int *ia,
                    const int *ja, const int *desca, double *x, const int *ix, const int *jx, const int *descx,
                    const int *incx);

extern void pdgetrf_(const int *m, const int *n, double *a, const int *ia, const int *ja, const int *desca, int *ipiv, int *info);
extern void pdgetrs_(const char *trans, const int *n, const int *nrhs, const double *a, const int *ia, const int *ja,
                     const int *desca, const int *ipiv, double *b, const int *ib, const int *jb, const int *descb, int *info);
extern void pdgeqrf_(const int *m, const int *n, double *a, const int *ia, const int *ja, const int *desca, double *tau,
                     double *work, const int *lwork, int *info);
extern void pdgesvd_(const char *jobu, const char *jobvt, const int *m, const int *n, double *a, const int *ia, const int *ja,
                     const int *desca, double *s, double *u, const int *iu, const int *ju, const int *descu, double *vt,
                     const int *ivt, const int *jvt, const int *descvt, double *work, const int *lwork, int *info);
extern void pdsyevd_(const char *jobz, const char *uplo, const int *n, double *a, const int *ia, const int *ja,
                     const int *desca, double *w, double *z, const int *iz, const int *jz, const int *descz, double *work,
                     const int *lwork, int *iwork, const int *liwork, int *info);

typedef struct {
    double seconds, residual;
} Result;

/* C = A B, checked by C x = A (B x). */
static Result time_pdgemm(int context, int m, int n, int nb)
{
    (void)m;
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
static Result time_pdpotrf(int context, int m, int n, int nb)
{
    (void)m;
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

/* P A = L U, checked by solving A x = b. */
static Result time_pdgetrf(int context, int m, int n, int nb)
{
    (void)m;
    Matrix a = matrix(context, n, n, nb);
    Matrix x = matrix(context, n, 1, nb), b = matrix(context, n, 1, nb), ax = matrix(context, n, 1, nb);
    fill(&a, general, 1);
    fill(&x, general, 3);
    apply(&a, &x, &b);
    memcpy(x.data, b.data, (size_t)x.local_rows * (size_t)x.local_columns * sizeof(double));
    int *pivots = malloc((size_t)(a.local_rows + nb) * sizeof(int)), info;
    if (pivots == NULL)
        fail("not enough memory for the pivots; use a smaller N", "");
    Result result;
    double start = start_clock();
    pdgetrf_(&n, &n, a.data, &one, &one, a.desc, pivots, &info);
    result.seconds = stop_clock(start);
    if (info != 0)
        fail("pdgetrf failed", "");
    pdgetrs_("N", &n, &one, a.data, &one, &one, a.desc, pivots, x.data, &one, &one, x.desc, &info);
    double sizes[2], difference, size;
    fill(&a, general, 1);
    compare(&b, &x, &difference, &sizes[0]);
    apply(&a, &x, &ax);
    compare(&ax, &b, &difference, &sizes[1]);
    /* |a_ij| <= 1/2, and the backward error is relative to the norm of A times that of x. */
    size = 0.5 * n * sizes[0];
    result.residual = difference / (fmax(size, sizes[1]) * DBL_EPSILON);
    free(pivots);
    free(a.data);
    free(x.data);
    free(b.data);
    free(ax.data);
    return result;
}

/* A = Q R, R alone, checked by R^T R x = A^T A x. */
static Result time_pdgeqrf(int context, int m, int n, int nb)
{
    Matrix a = matrix(context, m, n, nb);
    Matrix x = matrix(context, n, 1, nb), ax = matrix(context, m, 1, nb), want = matrix(context, n, 1, nb);
    fill(&a, general, 1);
    fill(&x, general, 3);
    apply(&a, &x, &ax);
    apply_op("T", &a, &ax, &want);
    double wanted;
    int info;
    pdgeqrf_(&m, &n, a.data, &one, &one, a.desc, &wanted, &wanted, &query, &info);
    int lwork = (int)wanted;
    double *work = workspace(wanted), *tau = workspace(a.local_columns + nb);
    Result result;
    double start = start_clock();
    pdgeqrf_(&m, &n, a.data, &one, &one, a.desc, tau, work, &lwork, &info);
    result.seconds = stop_clock(start);
    if (info != 0)
        fail("pdgeqrf failed", "");
    pdtrmv_("U", "N", "N", &n, a.data, &one, &one, a.desc, x.data, &one, &one, x.desc, &one);
    pdtrmv_("U", "T", "N", &n, a.data, &one, &one, a.desc, x.data, &one, &one, x.desc, &one);
    double difference, size;
    compare(&x, &want, &difference, &size);
    result.residual = difference / (size * n * DBL_EPSILON);
    free(work);
    free(tau);
    free(a.data);
    free(x.data);
    free(ax.data);
    free(want.data);
    return result;
}

/* A = U S V^T, checked by U S V^T x = A x; or S alone, checked by the sum of its squares. */
static Result time_svd(int context, int n, int nb, int vectors)
{
    Matrix a = matrix(context, n, n, nb), x = matrix(context, n, 1, nb), ax = matrix(context, n, 1, nb);
    Matrix u = matrix(context, vectors ? n : 1, vectors ? n : 1, nb), vt = matrix(context, vectors ? n : 1, vectors ? n : 1, nb);
    fill(&a, general, 1);
    fill(&x, general, 3);
    apply(&a, &x, &ax);
    double frobenius = squares(&a), *s = workspace(n), wanted = 0;
    const char *job = vectors ? "V" : "N";
    int info;
    pdgesvd_(job, job, &n, &n, a.data, &one, &one, a.desc, s, u.data, &one, &one, u.desc, vt.data, &one, &one, vt.desc,
             &wanted, &query, &info);
    int lwork = (int)wanted;
    double *work = workspace(wanted);
    Result result;
    double start = start_clock();
    pdgesvd_(job, job, &n, &n, a.data, &one, &one, a.desc, s, u.data, &one, &one, u.desc, vt.data, &one, &one, vt.desc, work,
             &lwork, &info);
    result.seconds = stop_clock(start);
    if (info != 0)
        fail("pdgesvd failed", "");
    if (vectors) {
        Matrix v = matrix(context, n, 1, nb), y = matrix(context, n, 1, nb);
        double difference, size;
        apply(&vt, &x, &v);
        scale(&v, s);
        apply(&u, &v, &y);
        compare(&y, &ax, &difference, &size);
        result.residual = difference / (size * n * DBL_EPSILON);
        free(v.data);
        free(y.data);
    } else {
        double sum = 0;
        for (int k = 0; k < n; k++)
            sum += s[k] * s[k];
        result.residual = fabs(sum - frobenius) / (frobenius * n * DBL_EPSILON);
    }
    free(work);
    free(s);
    Matrix *all[] = {&a, &x, &ax, &u, &vt};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++)
        free(all[k]->data);
    return result;
}

static Result time_pdgesvd(int context, int m, int n, int nb)
{
    (void)m;
    return time_svd(context, n, nb, 0);
}

static Result time_pdgesvd_vectors(int context, int m, int n, int nb)
{
    (void)m;
    return time_svd(context, n, nb, 1);
}

/* A = Z W Z^T, checked by Z W Z^T x = A x. */
static Result time_pdsyevd(int context, int m, int n, int nb)
{
    (void)m;
    Matrix a = matrix(context, n, n, nb), z = matrix(context, n, n, nb);
    Matrix x = matrix(context, n, 1, nb), ax = matrix(context, n, 1, nb), y = matrix(context, n, 1, nb);
    fill(&a, symmetric, 1);
    fill(&x, general, 3);
    apply(&a, &x, &ax);
    double *w = workspace(n), wanted = 0;
    int integers = 0, info;
    pdsyevd_("V", "L", &n, a.data, &one, &one, a.desc, w, z.data, &one, &one, z.desc, &wanted, &query, &integers, &query, &info);
    /* The size that it answers is too small for its own later calls in some versions. */
    int lwork = (int)wanted + 3 * nb * (n + nb), liwork = integers + 64 * n;
    double *work = workspace(lwork);
    int *iwork = malloc((size_t)liwork * sizeof(int));
    if (iwork == NULL)
        fail("not enough memory for a workspace; use a smaller N", "");
    Result result;
    double start = start_clock();
    pdsyevd_("V", "L", &n, a.data, &one, &one, a.desc, w, z.data, &one, &one, z.desc, work, &lwork, iwork, &liwork, &info);
    result.seconds = stop_clock(start);
    if (info != 0)
        fail("pdsyevd failed", "");
    apply_op("T", &z, &x, &y);
    scale(&y, w);
    apply(&z, &y, &x);
    double difference, size;
    compare(&x, &ax, &difference, &size);
    result.residual = difference / (size * n * DBL_EPSILON);
    free(work);
    free(iwork);
    free(w);
    Matrix *all[] = {&a, &z, &x, &ax, &y};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++)
        free(all[k]->data);
    return result;
}

static double flops_pdgemm(double m, double n) { (void)m; return 2 * n * n * n; }
static double flops_pdpotrf(double m, double n) { (void)m; return n * n * n / 3 + n * n / 2 + n / 6; }
static double flops_pdgetrf(double m, double n) { (void)m; return 2 * n * n * n / 3; }
static double flops_pdgeqrf(double m, double n) { return 2 * n * n * (m - n / 3); }
/* Reduction to two diagonals alone; how much comes after it depends on the matrix and on the method. */
static double flops_pdgesvd(double m, double n) { (void)m; return 8 * n * n * n / 3; }
static double flops_pdsyevd(double m, double n) { (void)m; return 4 * n * n * n / 3; }

/* To add a routine: a function that fills, times and checks it, its flop count, and a row. */
static const struct {
    const char *name;
    Result (*time)(int context, int m, int n, int nb);
    double (*flops)(double m, double n);
    int takes_rectangles;
} routines[] = {
    {"pdgemm", time_pdgemm, flops_pdgemm, 0},
    {"pdpotrf", time_pdpotrf, flops_pdpotrf, 0},
    {"pdgetrf", time_pdgetrf, flops_pdgetrf, 0},
    {"pdgeqrf", time_pdgeqrf, flops_pdgeqrf, 1},
    {"pdgesvd", time_pdgesvd, flops_pdgesvd, 0},
    {"pdgesvd_vectors", time_pdgesvd_vectors, flops_pdgesvd, 0},
    {"pdsyevd", time_pdsyevd, flops_pdsyevd, 0},
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
    char *columns = strchr(argv[2], 'x');
    if (columns != NULL)
        *columns++ = '\0';
    int m = positive(argv[2]), n = columns != NULL ? positive(columns) : m, repeats = positive(argv[4]), p, q;
    if (m < n || (m > n && !routines[chosen].takes_rectangles))
        fail("that shape is not for ", argv[1]);
    if (argc == 7) {
        p = positive(argv[5]);
        q = positive(argv[6]);
        if ((long)p * q != processes)
            fail("P times Q must be the number of processes", "");
    } else {
        for (p = (int)sqrt(processes); processes % p != 0; p--)
            ;
        q = processes / p;
        if (m > 4 * n) {
            q = p;
            p = processes / q;
        }
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
            Result result = routines[chosen].time(context, m, n, blocks[k]);
            if (rank == 0) {
                printf("{\"routine\": \"%s\", \"m\": %d, \"n\": %d, \"nb\": %d, \"grid\": [%d, %d], \"repeat\": %d, \"seconds\": %.6f, "
                       "\"gflops\": %.3f, \"residual\": %.3e, \"blas\": \"%s\", \"blas_config\": \"%s\"}\n",
                       routines[chosen].name, m, n, blocks[k], p, q, repeat, result.seconds,
                       routines[chosen].flops(m, n) / result.seconds * 1e-9, result.residual, file, config);
                fflush(stdout);
            }
            if (!(result.residual < 100))
                fail("wrong result of ", argv[1]);
        }
    Cblacs_gridexit(context);
    MPI_Finalize();
    return 0;
}
