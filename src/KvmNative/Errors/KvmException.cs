namespace KvmSevVmm.KvmNative.Errors;

/// <summary>The kernel refused a call; the message names the call, the error number and, where one is known, the cure.</summary>
public class KvmException : IOException
{
    /// <summary>Makes the exception.</summary>
    /// <param name="call">The call, such as <c>KVM_CREATE_VM</c> or <c>open("/dev/kvm")</c>.</param>
    /// <param name="errno">Its error number.</param>
    /// <param name="hint">What to do about it, one sentence, or null.</param>
    /// <param name="message">The whole message.</param>
    protected KvmException(string call, Errno errno, string? hint, string message)
        : base(message)
    {
        Call = call;
        Errno = errno;
        Hint = hint;
    }

    /// <summary>The call that failed.</summary>
    public string Call { get; }

    /// <summary>The error number; a value without a name is possible.</summary>
    public Errno Errno { get; }

    /// <summary>What to do about it, one sentence, or null; it ends the message.</summary>
    public string? Hint { get; }

    /// <summary>Makes the exception for a call that failed, with the hint that <see cref="ErrorHints"/> has for it.</summary>
    /// <param name="call">The call, such as <c>KVM_CREATE_VM</c> or <c>open("/dev/kvm")</c>.</param>
    /// <param name="errno">The error number that it left.</param>
    public static KvmException FromErrno(string call, int errno)
        => FromErrno(call, errno, ErrorHints.Find(call, (Errno)errno));

    /// <summary>Makes the exception for a call that failed, with a hint that the caller knows better.</summary>
    /// <param name="call">The call, such as <c>KVM_CREATE_VM</c> or <c>open("/dev/kvm")</c>.</param>
    /// <param name="errno">The error number that it left.</param>
    /// <param name="hint">What to do about it, one sentence, or null.</param>
    public static KvmException FromErrno(string call, int errno, string? hint)
    {
        Errno number = (Errno)errno;
        return new KvmException(call, number, hint, Format(call, number, "", hint ?? ErrnoText.Description(number)));
    }

    /// <summary>Puts a message together: call, error number, firmware status, advice.</summary>
    /// <param name="call">The call.</param>
    /// <param name="errno">Its error number.</param>
    /// <param name="firmware">What the firmware said, starting with a comma, or an empty string.</param>
    /// <param name="advice">The last sentence, or null.</param>
    private protected static string Format(string call, Errno errno, string firmware, string? advice)
        => advice is null
            ? $"{call} failed: {ErrnoText.NameAndNumber(errno)}{firmware}."
            : $"{call} failed: {ErrnoText.NameAndNumber(errno)}{firmware}. {advice}";
}
