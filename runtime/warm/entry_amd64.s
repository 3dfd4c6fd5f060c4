#include "textflag.h"

#define SYS_mmap 9
#define SYS_madvise 28
#define MADV_HUGEPAGE 14
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23

// MADVISE is of DI and SI, which the kernel leaves alone, and may fail.
#define MADVISE(advice) \
	MOVL	$advice, DX \
	MOVL	$SYS_madvise, AX \
	SYSCALL

// POPULATE maps what lies between two symbols.
#define POPULATE(from, to, advice) \
	LEAQ	from(SB), DI \
	LEAQ	to(SB), SI \
	ANDQ	$~4095, DI \
	SUBQ	DI, SI \
	MADVISE(advice)

// Nothing but SP counts here, from which the runtime reads argc and argv.
TEXT ·entry(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	POPULATE(runtime·noptrdata, runtime·enoptrbss, MADV_POPULATE_WRITE)
	POPULATE(runtime·text, runtime·pclntab, MADV_POPULATE_READ)
	LEAQ	·mmap(SB), AX
	MOVQ	AX, _cgo_mmap(SB)
	JMP	_rt0_amd64_linux(SB)

// By the System V ABI: addr DI, length SI, prot DX, flags CX, fd R8, offset R9;
// the result in AX is the address, or the errno as a positive number.
TEXT ·mmap(SB),NOSPLIT|NOFRAME,$0
	MOVL	CX, R10
	MOVL	$SYS_mmap, AX
	SYSCALL
	CMPQ	AX, $-4095
	JCC	failed
	MOVQ	AX, R8
	MOVQ	AX, DI
	CMPQ	SI, $(256<<10)
	JEQ	chunk
	CMPQ	SI, $(4<<20)
	JNE	done
	CMPQ	·heap(SB), $0
	JNE	done
	MOVQ	AX, ·heap(SB)
	MOVL	$(2<<20), SI
	MADVISE(MADV_HUGEPAGE)
	JMP	populate
chunk:
	MOVL	$(64<<10), SI
populate:
	MADVISE(MADV_POPULATE_WRITE)
done:
	MOVQ	R8, AX
	RET
failed:
	NEGQ	AX
	RET
