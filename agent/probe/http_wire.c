#include "agent/probe/http_wire.h"

#include "agent/probe/stream.h"

#include <openssl/x509_vfy.h>
#include <sys/socket.h>

static curl_socket_t on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    const int *fd = arg;

    (void)purpose;
    (void)address;
    return *fd;
}

static int on_socket_opened(void *arg, curl_socket_t fd, curlsocktype purpose)
{
    (void)arg;
    (void)fd;
    (void)purpose;
    return CURL_SOCKOPT_ALREADY_CONNECTED;
}

/* Who lent it closes it, once the kernel was asked. */
static int on_close_socket(void *arg, curl_socket_t fd)
{
    (void)arg;
    (void)fd;
    return 0;
}

bool http_wire_lend(CURL *easy, int *fd)
{
    return curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, fd) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_socket_opened) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close_socket) == CURLE_OK;
}

static enum fl_failure certificate_failure(CURL *easy)
{
    long reason = 0;

    (void)curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &reason);
    return reason == X509_V_ERR_CERT_HAS_EXPIRED ? FL_FAILURE_CERT_EXPIRED
                                                 : FL_FAILURE_CERT_INVALID;
}

/* What became of the connection, where libcurl only says that it broke. */
static enum fl_failure connection_failure(CURL *easy, enum fl_failure otherwise)
{
    long error = 0;
    enum fl_failure failure;

    (void)curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &error);
    failure = stream_failure((int)error);
    return failure == FL_FAILURE_NONE || failure == FL_FAILURE_LOCAL ? otherwise : failure;
}

static bool peer_closed(int fd)
{
    char byte;

    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* Broken, unless what came is no HTTP/2: libcurl has one code for both. */
static enum fl_failure broken(CURL *easy, int fd, bool http_2)
{
    const bool strange = http_2 && !peer_closed(fd);

    return connection_failure(easy, strange ? FL_FAILURE_PROTOCOL : FL_FAILURE_RESET);
}

enum fl_failure http_wire_failure(CURL *easy, CURLcode code, int fd, bool http_2)
{
    long proxy_status = 0;

    (void)curl_easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &proxy_status);
    if (proxy_status >= 300)
        return FL_FAILURE_STATUS;
    switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
        return certificate_failure(easy);
    case CURLE_SSL_CONNECT_ERROR:
        return connection_failure(easy, peer_closed(fd) ? FL_FAILURE_RESET : FL_FAILURE_PROTOCOL);
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
        return broken(easy, fd, http_2);
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_OUT_OF_MEMORY:
    case CURLE_FAILED_INIT:
        return FL_FAILURE_LOCAL;
    default: /* what came is no HTTP */
        return FL_FAILURE_PROTOCOL;
    }
}
