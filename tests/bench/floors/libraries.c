/* HTTPS with a full handshake on OpenSSL, what is dear there once; HTTP on libcurl. */
#include "tests/bench/floors/floors.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static bool exchange(SSL *ssl, int fd)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: floor\r\n"
                                  "Accept: */*\r\nConnection: close\r\n\r\n";
    char answer[4096];
    int n, got = 0;

    if (SSL_set_fd(ssl, fd) != 1 || SSL_set_tlsext_host_name(ssl, "localhost") != 1 ||
        SSL_set1_host(ssl, "localhost") != 1 || SSL_connect(ssl) != 1 ||
        SSL_write(ssl, request, sizeof(request) - 1) <= 0)
        return false;
    while ((n = SSL_read(ssl, answer, sizeof(answer))) > 0)
        got += n;
    (void)SSL_shutdown(ssl);
    return got > 0;
}

static bool visit(SSL_CTX *context, uint16_t port)
{
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool good = false;
    SSL *ssl;

    if (fd < 0)
        return false;
    ssl = SSL_new(context);
    good = ssl && connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0 && exchange(ssl, fd);
    SSL_free(ssl);
    close(fd);
    return good;
}

long floor_https(const struct floor_run *run)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    int64_t due_us = 0;
    bool good = context && SSL_CTX_load_verify_file(context, run->ca_file) == 1;
    long n = 0;

    if (good)
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    for (; good && floor_next(run, &due_us); n++)
        good = visit(context, run->port);
    SSL_CTX_free(context);
    return good ? n : -1;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *arg)
{
    (void)bytes;
    (void)arg;
    return size * n;
}

long floor_curl(const struct floor_run *run)
{
    CURL *easy = curl_easy_init();
    int64_t due_us = 0;
    char url[64];
    long n = 0;
    bool good = easy != NULL;

    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", run->port);
    good = good && curl_easy_setopt(easy, CURLOPT_URL, url) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK;
    for (; good && floor_next(run, &due_us); n++)
        good = curl_easy_perform(easy) == CURLE_OK;
    curl_easy_cleanup(easy);
    return good ? n : -1;
}
