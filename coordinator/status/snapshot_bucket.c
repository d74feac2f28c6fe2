/* libcurl signs each request (AWS signature version 4); stores want the hash of the body among
 * what is signed, and by the same hash a file that is there already is known. */
#include "coordinator/status/snapshot_bucket.h"

#include "proto/runtime/fl_clock.h"
#include "proto/runtime/fl_secret.h"

#include <curl/curl.h>
#include <errno.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define URL_SIZE 1024
#define HEX_SIZE (2 * SHA256_DIGEST_LENGTH + 1)
#define RETRY_US (10 * FL_SECOND)
#define AGAIN_US FL_HOUR /* put everything again: somebody may have emptied the bucket */
#define ANSWER_SIZE 1024 /* of a refusal that is looked at */

struct job {
    struct config_bucket settings;
    struct snapshot snapshot;
};

struct snapshot_bucket {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* under the lock: */
    bool ending;
    struct job *next;
    struct snapshot_bucket_stats stats;
    /* the thread's: */
    char url[URL_SIZE];                    /* that the hashes are of */
    char hashes[SNAPSHOT_FILES][HEX_SIZE]; /* of what is there */
    int64_t again_us;
};

/* One request. */
struct put {
    struct snapshot_bucket *bucket;
    CURL *easy;
    struct curl_slist *fields;
    size_t n_answer;
    char answer[ANSWER_SIZE];
};

static struct job *job_free(struct job *job)
{
    if (!job)
        return NULL;
    config_bucket_done(&job->settings);
    snapshot_done(&job->snapshot);
    free(job);
    return NULL;
}

/* ---- one file ---- */

static size_t on_answer(char *bytes, size_t one, size_t n, void *arg)
{
    struct put *put = arg;
    size_t room = sizeof(put->answer) - 1 - put->n_answer, size = one * n;

    memcpy(put->answer + put->n_answer, bytes, size < room ? size : room);
    put->n_answer += size < room ? size : room;
    return size; /* what is longer is of no interest */
}

/* curl asks this about once a second. */
static int is_over(void *arg, curl_off_t down, curl_off_t downloaded, curl_off_t up,
                   curl_off_t uploaded)
{
    const struct put *put = arg;
    bool ending;

    (void)down;
    (void)downloaded;
    (void)up;
    (void)uploaded;
    (void)pthread_mutex_lock(&put->bucket->lock);
    ending = put->bucket->ending;
    (void)pthread_mutex_unlock(&put->bucket->lock);
    return ending;
}

#define SET(option, value) (curl_easy_setopt(easy, option, value) == CURLE_OK)

static bool set_login(CURL *easy, const struct config_bucket *settings, const char *secret)
{
    char signing[96];

    (void)snprintf(signing, sizeof(signing), "aws:amz:%s:s3", settings->region);
    return SET(CURLOPT_AWS_SIGV4, signing) && SET(CURLOPT_USERNAME, settings->key) &&
           SET(CURLOPT_PASSWORD, secret) &&
           (!settings->ca_file || SET(CURLOPT_CAINFO, settings->ca_file));
}

static bool set_transfer(struct put *put, const struct config_bucket *settings)
{
    CURL *easy = put->easy;

    return SET(CURLOPT_PROTOCOLS_STR, "http,https") && SET(CURLOPT_PROXY, "") &&
           SET(CURLOPT_NOSIGNAL, 1L) && SET(CURLOPT_USERAGENT, "faultline") &&
           SET(CURLOPT_TIMEOUT_MS, (long)(settings->timeout_us / FL_MS)) &&
           SET(CURLOPT_NOPROGRESS, 0L) && SET(CURLOPT_XFERINFOFUNCTION, is_over) &&
           SET(CURLOPT_XFERINFODATA, put) && SET(CURLOPT_WRITEFUNCTION, on_answer) &&
           SET(CURLOPT_WRITEDATA, put) && SET(CURLOPT_CUSTOMREQUEST, "PUT");
}

static bool add_field(struct put *put, const char *name, const char *value)
{
    char line[160];
    struct curl_slist *more;

    (void)snprintf(line, sizeof(line), "%s: %s", name, value);
    more = curl_slist_append(put->fields, line);
    if (more)
        put->fields = more;
    return more != NULL;
}

static bool set_file(struct put *put, const char *url, const struct snapshot_file *file,
                     const char *hash)
{
    CURL *easy = put->easy;
    char path[URL_SIZE + 64];

    curl_slist_free_all(put->fields);
    put->fields = NULL;
    put->n_answer = 0;
    (void)snprintf(path, sizeof(path), "%s%s", url, file->name);
    return add_field(put, "x-amz-content-sha256", hash) &&
           add_field(put, "Content-Type", file->type) &&
           add_field(put, "Cache-Control", "no-cache") && SET(CURLOPT_HTTPHEADER, put->fields) &&
           SET(CURLOPT_URL, path) && SET(CURLOPT_POSTFIELDSIZE, (long)strlen(file->text)) &&
           SET(CURLOPT_POSTFIELDS, file->text);
}

/* The store's own word for why not. */
static void find_code(struct put *put, char code[64])
{
    const char *found;

    put->answer[put->n_answer] = '\0';
    found = strstr(put->answer, "<Code>");
    code[0] = '\0';
    if (found)
        (void)snprintf(code, 64, " (%.*s)", (int)strcspn(found + 6, "<\r\n"), found + 6);
}

static int put_file(struct put *put, const struct snapshot_file *file, struct fl_error *err)
{
    CURLcode code = curl_easy_perform(put->easy);
    long status = 0;
    char word[64];

    if (code != CURLE_OK)
        return fl_error_set(err, -EAGAIN, "\"%s\": %s", file->name, curl_easy_strerror(code));
    (void)curl_easy_getinfo(put->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 200 && status < 300)
        return 0;
    find_code(put, word);
    return fl_error_set(err, -EAGAIN, "\"%s\": the store answered with status %ld%s", file->name,
                        status, word);
}

/* ---- all of them ---- */

static void hash_of(const char *text, char hex[HEX_SIZE])
{
    unsigned char digest[SHA256_DIGEST_LENGTH];

    (void)SHA256((const unsigned char *)text, strlen(text), digest);
    for (size_t i = 0; i < sizeof(digest); i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

/* What is known of another place, or of long ago, is not known. */
static void look_at_place(struct snapshot_bucket *bucket, const char *url)
{
    int64_t now_us = fl_clock_monotonic();

    if (strcmp(bucket->url, url) == 0 && now_us < bucket->again_us)
        return;
    (void)snprintf(bucket->url, sizeof(bucket->url), "%s", url);
    memset(bucket->hashes, 0, sizeof(bucket->hashes));
    bucket->again_us = now_us + AGAIN_US;
}

static int put_files(struct put *put, const struct snapshot *snapshot, struct fl_error *err)
{
    struct snapshot_bucket *bucket = put->bucket;
    int r = 0;

    for (size_t i = 0; r == 0 && i < SNAPSHOT_FILES; i++) {
        char hash[HEX_SIZE];

        hash_of(snapshot->files[i].text, hash);
        if (strcmp(hash, bucket->hashes[i]) == 0)
            continue;
        r = set_file(put, bucket->url, &snapshot->files[i], hash)
                ? put_file(put, &snapshot->files[i], err)
                : fl_error_set(err, -ENOMEM, "no memory");
        if (r == 0)
            memcpy(bucket->hashes[i], hash, sizeof(hash));
    }
    return r;
}

static int put_job(struct snapshot_bucket *bucket, const struct job *job, struct fl_error *err)
{
    struct put put = {.bucket = bucket, .easy = curl_easy_init()};
    char url[URL_SIZE], *secret = NULL;
    size_t size = 0;
    int r = put.easy ? fl_secret_read(job->settings.secret_file, 1, &secret, &size, err)
                     : fl_error_set(err, -ENOMEM, "no memory");

    config_bucket_url(&job->settings, url, sizeof(url));
    look_at_place(bucket, url);
    if (r == 0)
        r = set_login(put.easy, &job->settings, secret) && set_transfer(&put, &job->settings)
                ? put_files(&put, &job->snapshot, err)
                : fl_error_set(err, -ENOMEM, "no memory");
    fl_secret_free(secret, size);
    curl_easy_cleanup(put.easy);
    curl_slist_free_all(put.fields);
    return r;
}

/* ---- the thread ---- */

/* The next job; NULL: it ends. */
static struct job *await(struct snapshot_bucket *bucket)
{
    struct job *job = NULL;

    (void)pthread_mutex_lock(&bucket->lock);
    while (!bucket->ending && !bucket->next)
        (void)pthread_cond_wait(&bucket->changed, &bucket->lock);
    if (!bucket->ending)
        job = FL_TAKE(bucket->next);
    (void)pthread_mutex_unlock(&bucket->lock);
    return job;
}

/* Until it is time to try again, something newer is there, or it ends. */
static void rest(struct snapshot_bucket *bucket)
{
    int64_t end = fl_clock_monotonic() + RETRY_US;
    const struct timespec until = {end / FL_SECOND, end % FL_SECOND * 1000};
    int r = 0;

    while (!bucket->ending && !bucket->next && r == 0)
        r = pthread_cond_timedwait(&bucket->changed, &bucket->lock, &until);
}

/* Notes how it went. The job is done with, or it is the next one again. */
static void note(struct snapshot_bucket *bucket, struct job *job, int r, const struct fl_error *err)
{
    (void)pthread_mutex_lock(&bucket->lock);
    bucket->stats.last_error = r < 0 ? *err : (struct fl_error){""};
    if (r == 0) {
        bucket->stats.put++;
        bucket->stats.good_us = fl_clock_steady();
    } else {
        bucket->stats.failed++;
        rest(bucket);
        if (bucket->next)
            bucket->stats.overtaken++;
        else
            bucket->next = FL_TAKE(job);
    }
    (void)pthread_mutex_unlock(&bucket->lock);
    job_free(job);
}

static void *run(void *arg)
{
    struct snapshot_bucket *bucket = arg;
    struct job *job;

    while ((job = await(bucket))) {
        struct fl_error err = {""};
        int r = put_job(bucket, job, &err);

        note(bucket, job, r, &err);
    }
    return NULL;
}

/* ---- the loop ---- */

int snapshot_bucket_new(struct snapshot_bucket **ret)
{
    struct snapshot_bucket *bucket = calloc(1, sizeof(*bucket));
    pthread_condattr_t attributes;
    int r;

    if (!bucket)
        return -ENOMEM;
    (void)curl_global_init(CURL_GLOBAL_DEFAULT); /* before there are threads that use it */
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&bucket->lock, NULL);
    (void)pthread_cond_init(&bucket->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    r = -pthread_create(&bucket->thread, NULL, run, bucket);
    if (r == 0) {
        *ret = bucket;
        return 0;
    }
    (void)pthread_cond_destroy(&bucket->changed);
    (void)pthread_mutex_destroy(&bucket->lock);
    free(bucket);
    return r;
}

struct snapshot_bucket *snapshot_bucket_free(struct snapshot_bucket *bucket)
{
    if (!bucket)
        return NULL;
    (void)pthread_mutex_lock(&bucket->lock);
    bucket->ending = true;
    (void)pthread_cond_broadcast(&bucket->changed);
    (void)pthread_mutex_unlock(&bucket->lock);
    (void)pthread_join(bucket->thread, NULL);
    (void)pthread_cond_destroy(&bucket->changed);
    (void)pthread_mutex_destroy(&bucket->lock);
    job_free(bucket->next);
    free(bucket);
    return NULL;
}

int snapshot_bucket_put(struct snapshot_bucket *bucket, const struct config_bucket *settings,
                        struct snapshot *snapshot)
{
    struct job *job = calloc(1, sizeof(*job));

    if (!job || config_bucket_copy(settings, &job->settings) < 0) {
        free(job);
        snapshot_done(snapshot);
        return -ENOMEM;
    }
    job->snapshot = *snapshot;
    *snapshot = (struct snapshot){0};
    (void)pthread_mutex_lock(&bucket->lock);
    if (bucket->next)
        bucket->stats.overtaken++;
    job_free(bucket->next);
    bucket->next = job;
    (void)pthread_cond_broadcast(&bucket->changed);
    (void)pthread_mutex_unlock(&bucket->lock);
    return 0;
}

void snapshot_bucket_stats(struct snapshot_bucket *bucket, struct snapshot_bucket_stats *ret)
{
    (void)pthread_mutex_lock(&bucket->lock);
    *ret = bucket->stats;
    (void)pthread_mutex_unlock(&bucket->lock);
}
