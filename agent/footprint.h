/* What the process holds of the machine's memory. */
#pragma once

/* Let go of pages that are mapped and can be had again from their files at any time. */
void footprint_trim(void);
