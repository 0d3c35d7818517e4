using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.Sev.Commands;

namespace KvmSevVmm.Vmm.Host;

/// <summary>A refusal taken apart: what failed, and what to try.</summary>
/// <param name="Message">What failed, one sentence.</param>
/// <param name="Hint">Likely cause and cure, or null.</param>
internal readonly record struct RefusalWords(string Message, string? Hint)
{
    /// <summary>Whether an exception is a refusal by the host, not a bug.</summary>
    /// <param name="error">What was thrown.</param>
    internal static bool IsRefusal(Exception error) => error is HostLacksException or KvmException or SevCommandFailedException;

    /// <summary>The words of a refusal.</summary>
    /// <param name="refused">An exception that <see cref="IsRefusal"/>.</param>
    internal static RefusalWords Of(Exception refused)
    {
        string? hint = refused switch
        {
            HostLacksException lacks => lacks.Hint,
            SevCommandFailedException command => command.Hint,
            KvmException kvm => kvm.Hint,
            _ => null,
        };

        // The message of the kernel's exceptions ends with the hint.
        string message = refused.Message;
        return new(hint is not null && message.EndsWith(hint, StringComparison.Ordinal) ? message[..^hint.Length].Trim() : message, hint);
    }
}
