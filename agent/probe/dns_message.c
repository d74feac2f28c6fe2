/* RFC 1035, section 4.1:
 *
 *   header:   id | QR opcode .. | .. rcode | QDCOUNT | ANCOUNT | NSCOUNT | ARCOUNT   (2 bytes each)
 *   question: name, type, class
 *   record:   name, type, class, TTL (4 bytes), length of data, data
 *
 * Records are rendered as a person writes them ("10 mx.example.org"), so that what is expected
 * can be found in them as a piece of text. */
#include "agent/probe/dns_message.h"

#include <ares.h>
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define HEADER 12
#define FLAGS_AT 2
#define RCODE_AT 3
#define QDCOUNT_AT 4
#define ANCOUNT_AT 6
#define RECORD_FIXED 10 /* between a record's name and its data */
#define QR 0x80
#define OPCODE_MASK 0x78
#define RCODE_MASK 0x0f
#define CLASS_IN 1
#define UDP_SIZE 1232  /* offered by EDNS: passes every usual link in one piece */
#define TEXT_SIZE 1100 /* a rendered record; more of one is not looked at */

enum {
    A = 1,
    NS = 2,
    CNAME = 5,
    SOA = 6,
    PTR = 12,
    MX = 15,
    TXT = 16,
    AAAA = 28,
    SRV = 33,
    NAPTR = 35,
    DS = 43,
    DNSKEY = 48,
    TLSA = 52,
    SVCB = 64,
    HTTPS = 65,
    CAA = 257
};

const char *const dns_message_types[] = {"A",     "AAAA",  "CNAME", "MX",   "NS",     "PTR",
                                         "SOA",   "SRV",   "TXT",   "CAA",  "DNSKEY", "DS",
                                         "HTTPS", "NAPTR", "SVCB",  "TLSA", NULL};
static const uint16_t type_numbers[] = {A,   AAAA, CNAME,  MX, NS,    PTR,   SOA,  SRV,
                                        TXT, CAA,  DNSKEY, DS, HTTPS, NAPTR, SVCB, TLSA};

struct record {
    uint16_t type;
    const uint8_t *data;
    size_t size;
};

static uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

int dns_message_query(const char *name, int64_t type, struct dns_query *ret, struct fl_error *err)
{
    unsigned char *bytes = NULL;
    int size = 0;
    int status =
        ares_create_query(name, CLASS_IN, type_numbers[type], 0, 1, &bytes, &size, UDP_SIZE);

    if (status != ARES_SUCCESS || size > DNS_MESSAGE_MAX) {
        if (status == ARES_SUCCESS)
            ares_free_string(bytes);
        return fl_error_set(err, -EINVAL,
                            "setting \"name\": \"%s\" is no DNS name: labels of at most 63 bytes "
                            "with dots between them, 253 in all, are allowed",
                            name);
    }
    memcpy(ret->bytes, bytes, (size_t)size);
    ret->size = (size_t)size;
    ret->type = type_numbers[type];
    ares_free_string(bytes);
    return 0;
}

/* Where the query's question ends: its name is not compressed. */
static size_t question_end(const struct dns_query *query)
{
    size_t at = HEADER;

    while (query->bytes[at] != 0)
        at += (size_t)query->bytes[at] + 1;
    return at + 1 + 4;
}

static int fold(int byte)
{
    return byte >= 'A' && byte <= 'Z' ? byte - 'A' + 'a' : byte;
}

/* Servers may answer in other letters. Length bytes are below 'A', so folding spares them. */
static bool same_question(const struct dns_query *query, const uint8_t *bytes, size_t end)
{
    for (size_t i = HEADER; i < end; i++)
        if (fold(bytes[i]) != fold(query->bytes[i]))
            return false;
    return true;
}

/* Step over a name. -1 when it leaves the message. */
static long skip_name(const uint8_t *bytes, size_t size, size_t at)
{
    while (at < size) {
        if (bytes[at] == 0)
            return (long)at + 1;
        if ((bytes[at] & 0xc0) == 0xc0)
            return at + 2 <= size ? (long)at + 2 : -1;
        at += (size_t)bytes[at] + 1;
    }
    return -1;
}

/* Read the record at `at`; returns where the next begins, or -1. */
static long read_record(const uint8_t *bytes, size_t size, size_t at, struct record *ret)
{
    long fixed = skip_name(bytes, size, at);
    size_t data;

    if (fixed < 0 || size - (size_t)fixed < RECORD_FIXED)
        return -1;
    data = (size_t)fixed + RECORD_FIXED;
    ret->type = get16(bytes + fixed);
    ret->size = get16(bytes + fixed + 8);
    ret->data = bytes + data;
    return size - data < ret->size ? -1 : (long)(data + ret->size);
}

static void render_name(const uint8_t *bytes, size_t size, const uint8_t *at, char *text,
                        size_t text_size)
{
    char *name = NULL;
    long used;

    if (ares_expand_name(at, bytes, (int)size, &name, &used) != ARES_SUCCESS)
        return;
    (void)snprintf(text, text_size, "%s", name);
    ares_free_string(name);
}

/* The strings of a TXT record, one after the other. */
static void render_strings(const struct record *record, char *text, size_t text_size)
{
    size_t used = 0;

    for (size_t at = 0; at < record->size; at += (size_t)record->data[at] + 1) {
        size_t n = record->data[at];

        if (n > record->size - at - 1 || n >= text_size - used)
            return;
        memcpy(text + used, record->data + at + 1, n);
        used += n;
        text[used] = '\0';
    }
}

/* "0 issue ca.example.org": flags, a tag with its length before it, the value. */
static void render_caa(const struct record *record, char *text, size_t text_size)
{
    const size_t tag = record->size >= 2 ? record->data[1] : 0;

    if (tag == 0 || record->size < 2 + tag)
        return;
    (void)snprintf(text, text_size, "%u %.*s %.*s", record->data[0], (int)tag,
                   (const char *)record->data + 2, (int)(record->size - 2 - tag),
                   (const char *)record->data + 2 + tag);
}

/* Records of keys and digests, and those of many parts: as hexadecimal digits. */
static void render_digits(const struct record *record, char *text, size_t text_size)
{
    for (size_t i = 0; i < record->size && 2 * i + 3 <= text_size; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", record->data[i]);
}

/* "" for what cannot be read. */
static void render(const uint8_t *bytes, size_t size, const struct record *record,
                   char text[TEXT_SIZE])
{
    const uint8_t *data = record->data;
    int n = 0;

    text[0] = '\0';
    switch (record->type) {
    case A:
        if (record->size == 4)
            (void)inet_ntop(AF_INET, data, text, TEXT_SIZE);
        return;
    case AAAA:
        if (record->size == 16)
            (void)inet_ntop(AF_INET6, data, text, TEXT_SIZE);
        return;
    case TXT:
        render_strings(record, text, TEXT_SIZE);
        return;
    case CAA:
        render_caa(record, text, TEXT_SIZE);
        return;
    case DNSKEY:
    case DS:
    case HTTPS:
    case NAPTR:
    case SVCB:
    case TLSA:
        render_digits(record, text, TEXT_SIZE);
        return;
    case MX:
        if (record->size < 3)
            return;
        n = snprintf(text, TEXT_SIZE, "%u ", get16(data));
        data += 2;
        break;
    case SRV:
        if (record->size < 7)
            return;
        n = snprintf(text, TEXT_SIZE, "%u %u %u ", get16(data), get16(data + 2), get16(data + 4));
        data += 6;
        break;
    case NS:
    case CNAME:
    case SOA:
    case PTR:
        break;
    default:
        return;
    }
    render_name(bytes, size, data, text + n, TEXT_SIZE - (size_t)n);
}

/* Look through the answer section. */
static enum fl_failure judge_records(const struct dns_query *query, const char *expect,
                                     const uint8_t *bytes, size_t size)
{
    size_t at = question_end(query);
    bool found = false;

    for (unsigned left = get16(bytes + ANCOUNT_AT); left > 0; left--) {
        struct record record;
        char text[TEXT_SIZE];
        long next = read_record(bytes, size, at, &record);

        if (next < 0)
            return FL_FAILURE_PROTOCOL;
        at = (size_t)next;
        if (!expect) {
            found = found || record.type == query->type;
        } else if (!found) {
            render(bytes, size, &record, text);
            found = strstr(text, expect) != NULL;
        }
    }
    return found ? FL_FAILURE_NONE : FL_FAILURE_CONTENT;
}

bool dns_message_answer(const struct dns_query *query, const uint8_t id[2], const char *expect,
                        const uint8_t *bytes, size_t size, enum fl_failure *ret)
{
    const size_t end = question_end(query);

    if (size < HEADER || memcmp(bytes, id, 2) != 0 || !(bytes[FLAGS_AT] & QR) ||
        (bytes[FLAGS_AT] & OPCODE_MASK) != 0)
        return false;
    /* An error may come without the question; everything else must repeat it. */
    if (get16(bytes + QDCOUNT_AT) == 1 && size >= end && !same_question(query, bytes, end))
        return false;
    switch (bytes[RCODE_AT] & RCODE_MASK) {
    case 0:
        *ret = get16(bytes + QDCOUNT_AT) == 1 && size >= end
                   ? judge_records(query, expect, bytes, size)
                   : FL_FAILURE_PROTOCOL;
        break;
    case 2:
        *ret = FL_FAILURE_SERVFAIL;
        break;
    case 3:
        *ret = FL_FAILURE_NXDOMAIN;
        break;
    case 5:
        *ret = FL_FAILURE_DENIED;
        break;
    default:
        *ret = FL_FAILURE_PROTOCOL;
        break;
    }
    return true;
}
