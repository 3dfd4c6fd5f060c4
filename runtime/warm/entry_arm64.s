#include "textflag.h"

#define SYS_madvise 233
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23

// Nothing but RSP counts here, from which the runtime reads argc and argv.
TEXT ·entry(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	MOVD	$runtime·noptrdata(SB), R0
	MOVD	$runtime·enoptrbss(SB), R1
	AND	$~65535, R0
	SUB	R0, R1
	MOVD	$MADV_POPULATE_WRITE, R2
	MOVD	$SYS_madvise, R8
	SVC
	MOVD	$runtime·text(SB), R0
	MOVD	$runtime·pclntab(SB), R1
	AND	$~65535, R0
	SUB	R0, R1
	MOVD	$MADV_POPULATE_READ, R2
	MOVD	$SYS_madvise, R8
	SVC
	JMP	_rt0_arm64_linux(SB)
