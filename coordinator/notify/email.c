/* Mail through a relay: a text for people, and the events as JSON for programs. It may come more
 * than once, with the same Message-ID. */
#include "coordinator/notify/message.h"
#include "coordinator/notify/post.h"
#include "proto/runtime/fl_secret.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LINE_SIZE 900 /* RFC 5322 has 998 */

/* What the relay says of one address after the other. curl goes on after one that is refused, and
 * tells of it nowhere but in its trace. */
struct addresses {
    bool asked; /* an address was named, and not answered yet */
    int n_refused;
    char last[200]; /* the answer to the last one refused */
};

static const char *event_word(const json_t *event)
{
    static const char *const words[][2] = {
        {"open", "begins"}, {"update", "changes"}, {"close", "ends"}, {"test", "test"}};

    for (size_t i = 0; i < FL_COUNT(words); i++)
        if (strcmp(message_text(event, "event"), words[i][0]) == 0)
            return words[i][1];
    return "is open";
}

/* Lines of a head hold printable ASCII only. */
static void tidy(char *text)
{
    for (; *text; text++)
        if (*text < ' ' || *text > '~')
            *text = '?';
}

static struct curl_slist *add(struct curl_slist *list, const char *name, const char *value)
{
    char line[LINE_SIZE];
    struct curl_slist *more;

    (void)snprintf(line, sizeof(line), "%s: %s", name, value);
    tidy(line);
    more = curl_slist_append(list, line);
    if (!more)
        curl_slist_free_all(list);
    return more;
}

static void subject(const json_t *events, char text[LINE_SIZE])
{
    const json_t *first = json_array_get(events, 0);
    size_t n = json_array_size(events);
    char summary[MESSAGE_SUMMARY_SIZE], more[48] = "";

    message_summary(first, summary);
    if (n > 1)
        (void)snprintf(more, sizeof(more), " (and %zu more)", n - 1);
    (void)snprintf(text, LINE_SIZE, "[Faultline] %s: %s%s", event_word(first), summary, more);
}

static struct curl_slist *head(const struct notify_settings *settings,
                               const struct notify_message *message)
{
    struct curl_slist *list = NULL;
    char text[LINE_SIZE], id[LINE_SIZE];
    time_t now = (time_t)(message->now_us / FL_SECOND);
    struct tm utc;
    size_t used = 0;

    for (size_t i = 0; settings->to[i] && used < sizeof(text); i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", i ? ", " : "",
                                 settings->to[i]);
    /* a list that a line has no room for is in the envelope only */
    list = add(NULL, "To", used < LINE_SIZE - 8 ? text : "undisclosed-recipients:;");
    if (list)
        list = add(list, "From", settings->from);
    subject(message->events, text);
    if (list)
        list = add(list, "Subject", text);
    (void)strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S +0000", gmtime_r(&now, &utc));
    if (list)
        list = add(list, "Date", text);
    (void)snprintf(id, sizeof(id), "<%s.%s@faultline>", message->key, settings->name);
    if (list)
        list = add(list, "Message-ID", id);
    return list ? add(list, "Auto-Submitted", "auto-generated") : NULL;
}

static void write_event(FILE *out, const json_t *event)
{
    char summary[MESSAGE_SUMMARY_SIZE], evidence[MESSAGE_EVIDENCE_SIZE], time[FL_TIME_TEXT_SIZE];

    message_summary(event, summary);
    message_evidence(event, evidence);
    if (message_is_test(event)) {
        (void)fprintf(out, "This is %s.\n", summary);
        return;
    }
    (void)fprintf(out, "%s %s\n  incident %lld %s",
                  fl_time_format((fl_time)json_integer_value(json_object_get(event, "t_us")), time),
                  summary, (long long)json_integer_value(json_object_get(event, "id")),
                  event_word(event));
    (void)fprintf(
        out, ", since %s, confidence %.2f\n%s\n\n",
        fl_time_format((fl_time)json_integer_value(json_object_get(event, "since_us")), time),
        json_number_value(json_object_get(event, "confidence")), evidence);
}

/* NULL without memory. */
static char *text_of(const struct notify_message *message)
{
    char *text = NULL;
    size_t size = 0, i;
    FILE *out = open_memstream(&text, &size);
    const json_t *event;

    if (!out)
        return NULL;
    json_array_foreach(message->events, i, event) write_event(out, event);
    if (message->superseded > 0)
        (void)fprintf(out, "Left out, because a later event says it all: %llu\n",
                      (unsigned long long)message->superseded);
    if (message->dropped > 0)
        (void)fprintf(out, "Lost, because too many were waiting: %llu\n",
                      (unsigned long long)message->dropped);
    (void)fclose(out);
    return text;
}

/* The parts copy what they are given. */
static int add_parts(curl_mime *mime, const struct notify_settings *settings,
                     const struct notify_message *message)
{
    char *text = text_of(message), *json = message_json(settings, message);
    curl_mimepart *plain = curl_mime_addpart(mime), *data = curl_mime_addpart(mime);
    CURLcode code = CURLE_OUT_OF_MEMORY;

    if (text && json && plain && data) {
        code = curl_mime_data(plain, text, CURL_ZERO_TERMINATED);
        code |= curl_mime_type(plain, "text/plain; charset=utf-8");
        code |= curl_mime_encoder(plain, "quoted-printable");
        code |= curl_mime_data(data, json, CURL_ZERO_TERMINATED);
        code |= curl_mime_type(data, "application/json");
        code |= curl_mime_filename(data, "faultline.json");
        code |= curl_mime_encoder(data, "base64");
    }
    free(text);
    free(json);
    return code == CURLE_OK ? 0 : -ENOMEM;
}

static struct curl_slist *envelope(const struct notify_settings *settings)
{
    struct curl_slist *list = NULL;

    for (size_t i = 0; settings->to[i]; i++) {
        struct curl_slist *more = curl_slist_append(list, settings->to[i]);

        if (!more) {
            curl_slist_free_all(list);
            return NULL;
        }
        list = more;
    }
    return list;
}

/* curl copies both. */
static int log_in(CURL *easy, const struct notify_settings *settings, struct fl_error *err)
{
    char *password = NULL;
    size_t size = 0;
    int r;

    if (!settings->user)
        return 0;
    r = fl_secret_read(settings->password_file, 1, &password, &size, err);
    if (r < 0)
        return r;
    (void)curl_easy_setopt(easy, CURLOPT_USERNAME, settings->user);
    (void)curl_easy_setopt(easy, CURLOPT_PASSWORD, password);
    fl_secret_free(password, size);
    return 0;
}

static void set(CURL *easy, const struct notify_settings *settings,
                const struct notify_message *message)
{
    notify_post_set(easy, settings, message);
    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    (void)curl_easy_setopt(easy, CURLOPT_URL, settings->url);
    (void)curl_easy_setopt(easy, CURLOPT_MAIL_FROM, settings->from);
    (void)curl_easy_setopt(easy, CURLOPT_USE_SSL,
                           settings->starttls == NOTIFY_STARTTLS_REQUIRED ? (long)CURLUSESSL_ALL
                                                                          : (long)CURLUSESSL_NONE);
}

static int listen_to(CURL *easy, curl_infotype type, char *data, size_t size, void *arg)
{
    struct addresses *addresses = arg;
    int length = (int)(size < sizeof(addresses->last) ? size : sizeof(addresses->last) - 1);

    (void)easy;
    if (type == CURLINFO_HEADER_OUT) {
        addresses->asked = size > 8 && strncmp(data, "RCPT TO:", 8) == 0;
    } else if (type == CURLINFO_HEADER_IN && addresses->asked && size > 3 && data[3] != '-') {
        addresses->asked = false;
        if (data[0] != '2') {
            addresses->n_refused++;
            (void)snprintf(addresses->last, sizeof(addresses->last), "%.*s", length, data);
            addresses->last[strcspn(addresses->last, "\r\n")] = '\0';
            tidy(addresses->last);
        }
    }
    return 0;
}

static size_t count_to(const struct notify_settings *settings)
{
    size_t n = 0;

    while (settings->to[n])
        n++;
    return n;
}

/* The mail went; to all of them? */
static int judge_addresses(const struct notify_settings *settings,
                           const struct addresses *addresses, struct fl_error *err)
{
    if (addresses->n_refused > 0)
        (void)fl_error_set(err, 0, "the mail relay refused %d of %zu addresses, the last with: %s",
                           addresses->n_refused, count_to(settings), addresses->last);
    return addresses->n_refused;
}

/* A relay that refuses the login may be told of another password; one that refuses the mail will
 * do so again. */
static int judge(CURL *easy, CURLcode code, struct fl_error *err)
{
    long status = 0;

    if (code == CURLE_OK)
        return 0;
    (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    if (status < 400)
        return fl_error_set(err, -EAGAIN, "%s", curl_easy_strerror(code));
    return fl_error_set(
        err, status >= 550 && status < 600 && code != CURLE_LOGIN_DENIED ? -EINVAL : -EAGAIN,
        "the mail relay answered with status %ld", status);
}

static int deliver(const struct notify_settings *settings, const struct notify_message *message,
                   struct fl_error *err)
{
    CURL *easy = curl_easy_init();
    curl_mime *mime = easy ? curl_mime_init(easy) : NULL;
    struct curl_slist *fields = head(settings, message), *to = envelope(settings);
    struct addresses addresses = {0};
    int r = -EAGAIN;

    if (!mime || !fields || !to || add_parts(mime, settings, message) < 0) {
        (void)fl_error_set(err, r, "no memory");
    } else {
        set(easy, settings, message);
        (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, fields);
        (void)curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, to);
        /* one address that is refused does not take it from the others */
        (void)curl_easy_setopt(easy, CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L);
        (void)curl_easy_setopt(easy, CURLOPT_VERBOSE, 1L);
        (void)curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, listen_to);
        (void)curl_easy_setopt(easy, CURLOPT_DEBUGDATA, &addresses);
        (void)curl_easy_setopt(easy, CURLOPT_MIMEPOST, mime);
        r = log_in(easy, settings, err);
        if (r == 0)
            r = judge(easy, curl_easy_perform(easy), err);
        if (r == 0)
            r = judge_addresses(settings, &addresses, err);
    }
    curl_mime_free(mime);
    curl_easy_cleanup(easy);
    curl_slist_free_all(fields);
    curl_slist_free_all(to);
    return r;
}

/* One address and nothing else: what stands here is sent to the relay as it is. */
static bool is_address(const char *text)
{
    const char *at = strchr(text, '@');

    for (const char *c = text; *c; c++)
        if (*c <= ' ' || *c > '~' || strchr("<>(),;:\\\"", *c))
            return false;
    return at && at > text && at[1] && !strchr(at + 1, '@');
}

static int check(const struct notify_settings *settings, struct fl_error *err)
{
    const char *wrong = is_address(settings->from) ? NULL : settings->from;
    bool plain = strncmp(settings->url, "smtp://", 7) == 0;

    for (size_t i = 0; !wrong && settings->to[i]; i++)
        if (!is_address(settings->to[i]))
            wrong = settings->to[i];
    if (wrong)
        return fl_error_set(err, -EINVAL, "\"%.100s\" is no mail address; it must be NAME@HOST",
                            wrong);
    if (!settings->user != !settings->password_file)
        return fl_error_set(err, -EINVAL, "\"user\" and \"password_file\" go together");
    if (settings->user && plain && settings->starttls == NOTIFY_STARTTLS_NEVER)
        return fl_error_set(err, -EINVAL,
                            "a password needs TLS: smtps://, or \"starttls\" required");
    return 0;
}

static const char *const needs[] = {"url", "from", "to", NULL};
static const char *const knows[] = {"user", "password_file", "starttls", "ca_file", NULL};
static const char *const schemes[] = {"smtp://", "smtps://", NULL};

const struct notify_type notify_email = {
    .name = "email",
    .summary = "mail through a relay, for people, with the events as JSON",
    .needs = needs,
    .knows = knows,
    .schemes = schemes,
    .check = check,
    .deliver = deliver,
};
