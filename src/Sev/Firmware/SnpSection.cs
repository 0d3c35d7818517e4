namespace KvmSevVmm.Sev.Firmware;

/// <summary>One section of a firmware image's SEV-SNP metadata: guest memory to be launched in a certain way.</summary>
/// <param name="Gpa">First guest physical address.</param>
/// <param name="Size">Bytes.</param>
/// <param name="Type">What is asked for.</param>
public readonly record struct SnpSection(uint Gpa, uint Size, SnpSectionType Type)
{
    /// <summary>Bytes of a page.</summary>
    internal const uint PageSize = 4096;

    /// <summary>First guest physical address behind the section.</summary>
    public ulong End => (ulong)Gpa + Size;

    /// <summary>The type as AMD's and edk2's sources spell it: <c>SEC_MEM</c>.</summary>
    public string TypeName => Type switch
    {
        SnpSectionType.SecMem => "SEC_MEM",
        SnpSectionType.Secrets => "SECRETS",
        SnpSectionType.Cpuid => "CPUID",
        SnpSectionType.SvsmCaa => "SVSM_CAA",
        SnpSectionType.KernelHashes => "KERNEL_HASHES",
        _ => $"type 0x{(uint)Type:x}",
    };

    /// <summary>What the firmware would refuse in this section, one clause; null for a good one.</summary>
    internal string? FindProblem()
    {
        if (!Enum.IsDefined(Type))
        {
            return $"type 0x{(uint)Type:x} is none that this program knows";
        }

        if (Gpa % PageSize != 0 || Size % PageSize != 0 || Size == 0)
        {
            return $"0x{Gpa:x} and {Size} bytes are not whole pages of {PageSize} bytes";
        }

        return Type is SnpSectionType.Secrets or SnpSectionType.Cpuid or SnpSectionType.KernelHashes && Size != PageSize
            ? $"{TypeName} is one page, not {Size / PageSize}"
            : null;
    }
}
