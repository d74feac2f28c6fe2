#include "coordinator/notify/post.h"

#include <errno.h>

const char *const notify_post_schemes[] = {"http://", "https://", NULL};

static size_t ignore(char *bytes, size_t size, size_t n, void *arg)
{
    (void)bytes;
    (void)arg;
    return size * n;
}

static struct curl_slist *head(const char *const *fields)
{
    struct curl_slist *list = curl_slist_append(NULL, "Content-Type: application/json");

    for (; list && *fields; fields++) {
        struct curl_slist *more = curl_slist_append(list, *fields);

        if (!more)
            curl_slist_free_all(list);
        list = more;
    }
    return list;
}

/* curl asks this about once a second. */
static int is_over(void *arg, curl_off_t down, curl_off_t downloaded, curl_off_t up,
                   curl_off_t uploaded)
{
    const struct notify_message *message = arg;

    (void)down;
    (void)downloaded;
    (void)up;
    (void)uploaded;
    return message->is_ending(message->arg);
}

void notify_post_set(CURL *easy, const struct notify_settings *settings,
                     const struct notify_message *message)
{
    (void)curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    (void)curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, is_over);
    (void)curl_easy_setopt(easy, CURLOPT_XFERINFODATA, message);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, ignore);
    (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(settings->timeout_us / FL_MS));
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(easy, CURLOPT_USERAGENT, "faultline");
    if (settings->ca_file)
        (void)curl_easy_setopt(easy, CURLOPT_CAINFO, settings->ca_file);
}

static int judge(CURL *easy, CURLcode code, struct fl_error *err)
{
    long status = 0;

    if (code != CURLE_OK)
        return fl_error_set(err, -EAGAIN, "%s", curl_easy_strerror(code));
    (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 200 && status < 300)
        return 0;
    /* what is said of the request itself will be said again */
    return fl_error_set(
        err, status >= 400 && status < 500 && status != 408 && status != 429 ? -EINVAL : -EAGAIN,
        "it answered with status %ld", status);
}

int notify_post(const struct notify_settings *settings, const struct notify_message *message,
                const char *url, const char *const *fields, const char *body, struct fl_error *err)
{
    CURL *easy = curl_easy_init();
    struct curl_slist *list = head(fields);
    int r = -EAGAIN;

    if (easy && list) {
        notify_post_set(easy, settings, message);
        (void)curl_easy_setopt(easy, CURLOPT_URL, url);
        (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, list);
        (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
        r = judge(easy, curl_easy_perform(easy), err);
    } else {
        (void)fl_error_set(err, r, "no memory");
    }
    curl_slist_free_all(list);
    curl_easy_cleanup(easy);
    return r;
}
