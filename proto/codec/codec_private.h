/* What encoder and decoder share: the columns of a batch. */
#pragma once

#include "faultline.pb-c.h"
#include "proto/codec/fl_codec.h"

/* One column of optional values: where it stands in the message and where in a result. */
struct column {
    size_t n_offset, data_offset; /* in Faultline__Batch: size_t and uint64_t * */
    size_t field_offset;          /* in struct fl_result: int64_t */
    int64_t absent;               /* the value that is not sent */
};

#define COLUMNS 25
extern const struct column columns[COLUMNS];

static inline size_t *column_n(const struct column *column, Faultline__Batch *batch)
{
    return (size_t *)(void *)((char *)batch + column->n_offset);
}

static inline uint64_t **column_data(const struct column *column, Faultline__Batch *batch)
{
    return (uint64_t **)(void *)((char *)batch + column->data_offset);
}

/* A present value v travels as v + 1, so that 0 says absent; where absent is 0 anyway, as v. */
static inline uint64_t column_bias(const struct column *column)
{
    return column->absent == FL_ABSENT ? 1 : 0;
}
