/* Matrices and vectors of doubles, spread over a grid of processes as ScaLAPACK wants them: made, filled, applied and
 * compared. For driver.c alone. */
#ifndef SPREAD_H
#define SPREAD_H

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
extern void pdgemv_(const char *trans, const int *m, const int *n, const double *alpha, const double *a, const int *ia,
                    const int *ja, const int *desca, const double *x, const int *ix, const int *jx, const int *descx,
                    const int *incx, const double *beta, double *y, const int *iy, const int *jy, const int *descy,
                    const int *incy);

static const int zero = 0, one = 1, query = -1;
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

/* Symmetric, with eigenvalues of both signs. */
static double symmetric(uint64_t seed, int i, int j, int n)
{
    (void)n;
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

static double *workspace(double wanted)
{
    double *work = malloc((size_t)fmax(wanted, 1) * sizeof(double));
    if (work == NULL)
        fail("not enough memory for a workspace; use a smaller N", "");
    return work;
}

/* y <- A x, or y <- A^T x */
static void apply_op(const char *op, const Matrix *a, const Matrix *x, Matrix *y)
{
    pdgemv_(op, &a->rows, &a->columns, &d_one, a->data, &one, &one, a->desc, x->data, &one, &one, x->desc, &one, &d_zero,
            y->data, &one, &one, y->desc, &one);
}

static void apply(const Matrix *a, const Matrix *x, Matrix *y)
{
    apply_op("N", a, x, y);
}

/* x_i <- d_i x_i for a vector x; every process has all of d. */
static void scale(Matrix *x, const double *d)
{
    for (int k = 0; k < x->local_rows * x->local_columns; k++)
        x->data[k] *= d[global_index(k, x->nb, x->process_row, x->process_rows)];
}

/* Sum of the squares of all entries. */
static double squares(const Matrix *a)
{
    double mine = 0, all;
    for (size_t k = 0; k < (size_t)a->local_rows * (size_t)a->local_columns; k++)
        mine += a->data[k] * a->data[k];
    MPI_Allreduce(&mine, &all, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
    return all;
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

#endif
