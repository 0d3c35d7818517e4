namespace KvmSevVmm.Sev.Commands;

/// <summary>The commands of the platform, which belong to no guest.</summary>
/// <remarks>
/// Implemented by /dev/sev and by a model of the firmware. Every method throws <see cref="SevCommandFailedException"/> when the command is
/// refused. Source: AMD SEV API 55766, platform management.
/// </remarks>
public interface ISevPlatform
{
    /// <summary>PLATFORM_STATUS.</summary>
    SevPlatformStatus GetStatus();

    /// <summary>PDH_CERT_EXPORT: what an owner needs to make a session for this platform.</summary>
    PdhExport ExportPdh();

    /// <summary>GET_ID: the processor's identity, by which AMD's server finds its certificates.</summary>
    /// <returns>64 bytes for each processor.</returns>
    byte[] GetId();

    /// <summary>PEK_CSR: the platform's key as a request to be signed by an owner.</summary>
    /// <returns>2084 bytes.</returns>
    byte[] RequestPekSignature();

    /// <summary>PEK_CERT_IMPORT: makes the signer the platform's owner.</summary>
    /// <param name="pek">The signed PEK, 2084 bytes.</param>
    /// <param name="oca">The owner's certificate, 2084 bytes.</param>
    void ImportPek(ReadOnlySpan<byte> pek, ReadOnlySpan<byte> oca);

    /// <summary>PEK_GEN: makes a new endorsement key; the platform owns itself again.</summary>
    void GeneratePek();

    /// <summary>PDH_GEN: makes a new Diffie-Hellman key; sessions made for the old one are void.</summary>
    void GeneratePdh();

    /// <summary>FACTORY_RESET: forgets the owner and every key but the chip's.</summary>
    void FactoryReset();
}
