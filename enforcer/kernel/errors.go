package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

var (
	// errTorn: another writer's commit fell between two parts of a dump.
	errTorn = errors.New("the ruleset changed while it was read")
	// errMalformed: a message that is not what the kernel sends.
	errMalformed = errors.New("malformed netlink message")
	// ErrOwned: the table belongs to another socket, and only that socket may write it.
	ErrOwned = errors.New("the table is owned by another process")
)

// OperationError is the kernel's refusal of one message of a batch; nothing of the batch is in force.
type OperationError struct {
	Operation string // what the message was for
	Err       error  // the errno
	Message   string // the kernel's own words, if it had any
}

func (e *OperationError) Error() string {
	text := fmt.Sprintf("%s: %v", e.Operation, e.Err)
	if e.Message != "" {
		text += " (" + e.Message + ")"
	}
	if hint := hintFor(e.Err); hint != "" {
		text += ": " + hint
	}
	return text
}

func (e *OperationError) Unwrap() error { return e.Err }

func newOperationError(batch []netlink.Message, index int, err error) error {
	op := &OperationError{Operation: operation(batch, index), Err: err}
	var worded *wordedError
	if errors.As(err, &worded) {
		op.Err, op.Message = worded.errno, worded.message
	}
	return op
}

// wordedError is an errno with the kernel's explanation.
type wordedError struct {
	errno   unix.Errno
	message string
}

func (e *wordedError) Error() string { return fmt.Sprintf("%v (%s)", e.errno, e.message) }
func (e *wordedError) Unwrap() error { return e.errno }

// nlmsgerrSize is the errno and the header of the message it is about.
const nlmsgerrSize = 4 + unix.NLMSG_HDRLEN

// parseError reads the payload of an error, acknowledgement or done message; nil is success.
func parseError(data []byte) error {
	if len(data) < 4 {
		return nil // a done message without a code
	}
	code := int32(binary.NativeEndian.Uint32(data))
	if code == 0 {
		return nil
	}
	errno := unix.Errno(-code)
	if len(data) > nlmsgerrSize {
		if found, err := attributes(data[nlmsgerrSize:]); err == nil {
			if message := text(found[unix.NLMSGERR_ATTR_MSG]); message != "" {
				return &wordedError{errno, message}
			}
		}
	}
	return errno
}

// changedUnderUs says that the table was not what the batch was made for: look again and try again.
func changedUnderUs(err error) bool {
	for _, errno := range []unix.Errno{unix.ENOENT, unix.EEXIST, unix.ERESTART, unix.EBUSY} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return errors.Is(err, errTorn)
}

// hintFor says what a person can do about an errno.
func hintFor(err error) string {
	switch {
	case errors.Is(err, ErrOwned):
		return ""
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return "needs CAP_NET_ADMIN (run as root, or see \"capabilities\" in the manual)"
	case errors.Is(err, unix.EPROTONOSUPPORT), errors.Is(err, unix.EOPNOTSUPP):
		return "this kernel has no nf_tables, or lacks a part of it that is needed (5.10 or newer with CONFIG_NF_TABLES_INET)"
	case errors.Is(err, unix.ENOENT):
		return "this kernel may lack a module (nft_fib_inet, nft_reject_inet, nft_ct, nft_objref)"
	case errors.Is(err, unix.EMSGSIZE), errors.Is(err, unix.ENOBUFS):
		return "the netlink buffer is full (raise net.core.wmem_max, or run with CAP_NET_ADMIN in the initial namespace)"
	}
	return ""
}

func withHint(err error) error {
	if err == nil {
		return nil
	}
	if hint := hintFor(err); hint != "" {
		return fmt.Errorf("%w: %s", err, hint)
	}
	return err
}
