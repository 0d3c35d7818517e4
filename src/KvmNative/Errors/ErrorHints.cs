namespace KvmSevVmm.KvmNative.Errors;

/// <summary>What to do when a call fails: the cure for every refusal that a user of SEV guests really meets.</summary>
/// <remarks>Sources: the kernel's KVM API documentation, virt/kvm, arch/x86/kvm/svm/sev.c, drivers/crypto/ccp/sev-dev.c.</remarks>
public static class ErrorHints
{
    private const string AnySevCommand = "KVM_SEV_*";
    private const string AnyPlatformCommand = "SEV_*";
    private const string AnyKvmCall = "KVM_*";

    private static readonly Dictionary<(string Call, Errno Errno, SevFirmwareStatus? Status), string> Table = MakeTable();

    /// <summary>Every row, for the tests.</summary>
    internal static IEnumerable<ErrorHint> All => [.. KvmErrorHints.Rows, .. SevErrorHints.Rows, .. SevFirmwareHints.Rows];

    /// <summary>Finds the cure for a failure.</summary>
    /// <param name="call">The call; what stands in parentheses makes the search more exact but need not be known to the table.</param>
    /// <param name="errno">Its error number.</param>
    /// <param name="status">What the firmware answered, for a SEV command.</param>
    /// <returns>One or two sentences, or null when the table has nothing to say.</returns>
    public static string? Find(string call, Errno errno, SevFirmwareStatus status = SevFirmwareStatus.Success)
    {
        int parenthesis = call.IndexOf('(', StringComparison.Ordinal);
        string bare = parenthesis < 0 ? call : call[..parenthesis];
        bool isSevCommand = bare.StartsWith("KVM_SEV_", StringComparison.Ordinal);

        bool isPlatformCommand = bare.StartsWith("SEV_", StringComparison.Ordinal) || bare.StartsWith("SNP_", StringComparison.Ordinal);

        // The most exact row wins. A firmware status without a row of its own means more than the errno, which is then EIO; the one
        // exception, ENOTTY of SNP_LAUNCH_START, has a row for any status.
        string? text = Lookup(call, errno, status) ?? Lookup(bare, errno, status);
        if (isSevCommand || isPlatformCommand)
        {
            return text
                ?? Lookup(isSevCommand ? AnySevCommand : AnyPlatformCommand, errno, status)
                ?? Lookup(SevFirmwareHints.AnyCommand, errno, status)
                ?? (errno != Errno.EIO
                    ? LookupWhateverStatus(bare, errno, status)
                    : Enum.IsDefined(status) ? null : SevFirmwareHints.UnknownStatus);
        }

        return bare.StartsWith("KVM_", StringComparison.Ordinal) ? text ?? Lookup(AnyKvmCall, errno, status) : text;
    }

    private static string? LookupWhateverStatus(string call, Errno errno, SevFirmwareStatus status) =>
        Table.TryGetValue((call, errno, null), out string? any) ? any : Lookup(SevFirmwareHints.AnyCommand, Errno.EIO, status);

    private static string? Lookup(string call, Errno errno, SevFirmwareStatus status)
    {
        if (Table.TryGetValue((call, errno, status), out string? exact))
        {
            return exact;
        }

        bool wasCalled = status is not (SevFirmwareStatus.Success or SevFirmwareStatus.NoFwCall);
        return !wasCalled && Table.TryGetValue((call, errno, null), out string? any) ? any : null;
    }

    private static Dictionary<(string Call, Errno Errno, SevFirmwareStatus? Status), string> MakeTable()
    {
        Dictionary<(string Call, Errno Errno, SevFirmwareStatus? Status), string> table = [];
        foreach (ErrorHint hint in All)
        {
            table.Add((hint.Call, hint.Errno, hint.Status), hint.Text);
        }

        return table;
    }
}
