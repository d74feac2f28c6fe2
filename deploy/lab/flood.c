/* The two floods of the lab, bounded in rate and time. It refuses any destination outside of the
 * lab's own addresses, so that it cannot be pointed at anybody.
 *   faultline-lab-flood udp ADDRESS PORT MBITS SECONDS
 *   faultline-lab-flood syn ADDRESS PORT PACKETS-A-SECOND SECONDS */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LAB_NETWORK 0x0a580000u /* 10.88.0.0/13: where the lab lives */
#define LAB_MASK 0xfff80000u
#define SPOOFED 0x0a5f0000u /* 10.95.0.0/16: nobody's */
#define DATAGRAM 1400
#define MAX_SECONDS 120
#define MAX_RATE 1000000 /* packets a second */
#define TICK_US 100

struct flood {
    int fd;
    bool syn;
    struct sockaddr_in to;
    double rate; /* packets a second */
    int seconds;
    uint32_t sent;
};

static int64_t now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

/* RFC 1071 */
static uint16_t checksum(const void *bytes, size_t size, uint32_t sum)
{
    const uint8_t *at = bytes;

    for (size_t i = 0; i + 1 < size; i += 2)
        sum += (uint32_t)at[i] << 8 | at[i + 1];
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return htons((uint16_t)~sum);
}

static void send_syn(struct flood *flood)
{
    struct {
        struct iphdr ip;
        struct tcphdr tcp;
    } packet = {0};
    uint32_t source = SPOOFED | (flood->sent * 2654435761u >> 16), sum;

    packet.ip.version = 4;
    packet.ip.ihl = 5;
    packet.ip.ttl = 64;
    packet.ip.protocol = IPPROTO_TCP;
    packet.ip.tot_len = htons(sizeof(packet));
    packet.ip.saddr = htonl(source);
    packet.ip.daddr = flood->to.sin_addr.s_addr;
    packet.tcp.source = htons((uint16_t)(1024 + flood->sent % 60000));
    packet.tcp.dest = flood->to.sin_port;
    packet.tcp.seq = htonl(flood->sent * 40503u);
    packet.tcp.doff = 5;
    packet.tcp.syn = 1;
    packet.tcp.window = htons(64240);
    sum = (source >> 16) + (source & 0xffff) + (ntohl(packet.ip.daddr) >> 16) +
          (ntohl(packet.ip.daddr) & 0xffff) + IPPROTO_TCP + (uint32_t)sizeof(packet.tcp);
    packet.tcp.check = checksum(&packet.tcp, sizeof(packet.tcp), sum);
    (void)sendto(flood->fd, &packet, sizeof(packet), MSG_DONTWAIT, (struct sockaddr *)&flood->to,
                 sizeof(flood->to));
}

static void send_datagram(struct flood *flood)
{
    static const uint8_t bytes[DATAGRAM];

    (void)sendto(flood->fd, bytes, sizeof(bytes), MSG_DONTWAIT, (struct sockaddr *)&flood->to,
                 sizeof(flood->to));
}

static void run(struct flood *flood)
{
    int64_t start_us = now_us(), end_us = start_us + flood->seconds * 1000000LL, us;

    while ((us = now_us()) < end_us) {
        double due = flood->rate * (double)(us - start_us) / 1e6;

        while (flood->sent < due) {
            if (flood->syn)
                send_syn(flood);
            else
                send_datagram(flood);
            flood->sent++;
        }
        (void)usleep(TICK_US);
    }
    (void)printf("%u packets in %d s\n", flood->sent, flood->seconds);
}

static int usage(void)
{
    (void)fprintf(stderr,
                  "usage: faultline-lab-flood udp ADDRESS PORT MBITS SECONDS\n"
                  "       faultline-lab-flood syn ADDRESS PORT PACKETS-A-SECOND SECONDS\n"
                  "ADDRESS lies in 10.88.0.0/13, at most %d packets a second for %d s\n",
                  MAX_RATE, MAX_SECONDS);
    return 2;
}

static bool number(const char *text, long most, long *ret)
{
    char *end = NULL;

    errno = 0;
    *ret = strtol(text, &end, 10);
    return end != text && !*end && !errno && *ret > 0 && *ret <= most;
}

int main(int argc, char **argv)
{
    struct flood flood = {.to.sin_family = AF_INET};
    long port, rate, seconds;

    if (argc != 6 || (strcmp(argv[1], "udp") != 0 && strcmp(argv[1], "syn") != 0))
        return usage();
    flood.syn = argv[1][0] == 's';
    if (inet_pton(AF_INET, argv[2], &flood.to.sin_addr) != 1 ||
        (ntohl(flood.to.sin_addr.s_addr) & LAB_MASK) != LAB_NETWORK ||
        !number(argv[3], UINT16_MAX, &port) || !number(argv[4], MAX_RATE, &rate) ||
        !number(argv[5], MAX_SECONDS, &seconds))
        return usage();
    flood.to.sin_port = htons((uint16_t)port);
    flood.rate = flood.syn ? (double)rate : (double)rate * 1e6 / (8.0 * (DATAGRAM + 28));
    flood.seconds = (int)seconds;
    flood.fd = flood.syn ? socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW)
                         : socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (flood.fd < 0) {
        perror("faultline-lab-flood: socket");
        return 1;
    }
    run(&flood);
    (void)close(flood.fd);
    return 0;
}
