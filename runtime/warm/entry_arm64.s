#include "textflag.h"

#define SYS_madvise 233
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23

// POPULATE maps what lies between two symbols.
#define POPULATE(from, to, advice) \
	MOVD	$from(SB), R0 \
	MOVD	$to(SB), R1 \
	AND	$~65535, R0 \
	SUB	R0, R1 \
	MOVD	$advice, R2 \
	MOVD	$SYS_madvise, R8 \
	SVC

// Nothing but RSP counts here, from which the runtime reads argc and argv.
TEXT ·entry(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	POPULATE(runtime·noptrdata, runtime·enoptrbss, MADV_POPULATE_WRITE)
	POPULATE(runtime·text, runtime·pclntab, MADV_POPULATE_READ)
	JMP	_rt0_arm64_linux(SB)
