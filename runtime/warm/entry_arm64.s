#include "textflag.h"

#define SYS_mmap 222
#define SYS_madvise 233
#define MADV_HUGEPAGE 14
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23

// MADVISE is of R9 and R1, and may fail.
#define MADVISE(advice) \
	MOVD	R9, R0 \
	MOVD	$advice, R2 \
	MOVD	$SYS_madvise, R8 \
	SVC

// POPULATE maps what lies between two symbols. Pages have 64 kB at most.
#define POPULATE(from, to, advice) \
	MOVD	$from(SB), R9 \
	MOVD	$to(SB), R1 \
	AND	$~65535, R9 \
	SUB	R9, R1 \
	MADVISE(advice)

// Nothing but RSP counts here, from which the runtime reads argc and argv.
TEXT ·entry(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	POPULATE(runtime·noptrdata, runtime·enoptrbss, MADV_POPULATE_WRITE)
	POPULATE(runtime·text, runtime·pclntab, MADV_POPULATE_READ)
	MOVD	$·mmap(SB), R9
	MOVD	R9, _cgo_mmap(SB)
	JMP	_rt0_arm64_linux(SB)

// By the AAPCS64: addr R0, length R1, prot R2, flags R3, fd R4, offset R5; the
// result in R0 is the address, or the errno as a positive number.
TEXT ·mmap(SB),NOSPLIT|NOFRAME,$0
	MOVD	$SYS_mmap, R8
	SVC
	CMN	$4095, R0
	BCS	failed
	MOVD	R0, R9
	CMP	$(256<<10), R1
	BEQ	chunk
	CMP	$(4<<20), R1
	BNE	done
	MOVD	·heap(SB), R0
	CBNZ	R0, done
	MOVD	R9, ·heap(SB)
	MOVD	$(2<<20), R1
	MADVISE(MADV_HUGEPAGE)
	JMP	populate
chunk:
	MOVD	$(64<<10), R1
populate:
	MADVISE(MADV_POPULATE_WRITE)
done:
	MOVD	R9, R0
	RET
failed:
	NEG	R0, R0
	RET
