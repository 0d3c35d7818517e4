namespace KvmSevVmm.Sev.Certificates;

/// <summary>One of the two places for a signature in an SEV certificate. Their order means nothing: match by usage and algorithm.</summary>
/// <param name="Usage">The usage of the signer's key; INVALID in an unused slot.</param>
/// <param name="Algorithm">The algorithm of the signer's key; NONE in an unused slot.</param>
/// <param name="Signature">The signature's field, 512 bytes.</param>
public sealed record SevSignatureSlot(SevKeyUsage Usage, SevKeyAlgorithm Algorithm, ReadOnlyMemory<byte> Signature)
{
    /// <summary>True for a slot that holds no signature.</summary>
    public bool IsUnused => Usage == SevKeyUsage.Invalid && Algorithm == SevKeyAlgorithm.None;

    /// <summary>True for a slot that is half used: the firmware refuses a certificate with such a one.</summary>
    public bool IsMalformed => (Usage == SevKeyUsage.Invalid) != (Algorithm == SevKeyAlgorithm.None);
}
