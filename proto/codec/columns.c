#include "proto/codec/codec_private.h"

#define COLUMN(name, field, absent)                                             \
    {                                                                           \
        offsetof(Faultline__Batch, n_##name), offsetof(Faultline__Batch, name), \
            offsetof(struct fl_result, field), absent                           \
    }

const struct column columns[COLUMNS] = {
    COLUMN(resolve_us, phase_us[FL_LAYER_RESOLVE], FL_ABSENT),
    COLUMN(connect_us, phase_us[FL_LAYER_CONNECT], FL_ABSENT),
    COLUMN(tls_us, phase_us[FL_LAYER_TLS], FL_ABSENT),
    COLUMN(login_us, phase_us[FL_LAYER_LOGIN], FL_ABSENT),
    COLUMN(operate_us, phase_us[FL_LAYER_OPERATE], FL_ABSENT),
    COLUMN(write_us, step_us[FL_STEP_WRITE], FL_ABSENT),
    COLUMN(flush_us, step_us[FL_STEP_FLUSH], FL_ABSENT),
    COLUMN(read_us, step_us[FL_STEP_READ], FL_ABSENT),
    COLUMN(stalled_us, stalled_us, 0),
    COLUMN(tcp_rtt_us, tcp.rtt_us, FL_ABSENT),
    COLUMN(tcp_min_rtt_us, tcp.min_rtt_us, FL_ABSENT),
    COLUMN(tcp_retrans, tcp.retrans, FL_ABSENT),
    COLUMN(tcp_op_retrans, tcp.op_retrans, FL_ABSENT),
    COLUMN(tcp_unacked, tcp.unacked, FL_ABSENT),
    COLUMN(tcp_notsent, tcp.notsent, FL_ABSENT),
    COLUMN(tcp_rx_bytes, tcp.rx_bytes, FL_ABSENT),
    COLUMN(tcp_rx_ooo, tcp.rx_ooo, FL_ABSENT),
    COLUMN(tls_resumed, tls_resumed, FL_ABSENT),
    COLUMN(cert_end_s, facts.cert_end_s, FL_ABSENT),
    COLUMN(tcp_tx_bytes, tcp.tx_bytes, FL_ABSENT),
    COLUMN(tcp_tx_acked, tcp.tx_acked, FL_ABSENT),
    COLUMN(tls_version, facts.tls_version, FL_ABSENT),
    COLUMN(http_status, facts.http_status, FL_ABSENT),
    COLUMN(http_version, facts.http_version, FL_ABSENT),
    COLUMN(http_redirects, facts.http_redirects, FL_ABSENT),
};
