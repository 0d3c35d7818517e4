namespace KvmSevVmm.Sev.Firmware;

/// <summary>The GUIDs in the table at the end of a firmware image.</summary>
/// <remarks>Source: edk2, OvmfPkg/ResetVector/Ia16/ResetVectorVtf0.asm; coconut-svsm for the last one.</remarks>
public static class OvmfTableIds
{
    /// <summary>The table's own entry, at its end.</summary>
    public static readonly Guid Footer = new("96b582de-1fb2-45f7-baea-a366c55a082d");

    /// <summary>Where the hashes of kernel, initrd and command line are put: base u32, size u32.</summary>
    public static readonly Guid HashArea = new("7255371f-3a3b-4b04-927b-1da6efa8d454");

    /// <summary>Where the secret of LAUNCH_SECRET is put: base u32, size u32.</summary>
    public static readonly Guid SecretArea = new("4c2eb361-7d9b-4cc3-8081-127c90d3d294");

    /// <summary>Where processors other than the first start under SEV-ES and SEV-SNP: address u32.</summary>
    public static readonly Guid SevEsResetBlock = new("00f771de-1a7e-4fcb-890e-68c77e2fb44e");

    /// <summary>Where the SEV-SNP metadata stands in the image: bytes from its end, u32.</summary>
    public static readonly Guid SevMetadata = new("dc886566-984a-4798-a75e-5585a7bf67cc");

    /// <summary>Where an SVSM starts: bytes from its base, u32.</summary>
    public static readonly Guid SvsmInfo = new("a789a612-0597-4c4b-a49f-cbb1fe9d1ddd");

    /// <summary>Intel TDX metadata; of no use here, but named so that a listing is complete.</summary>
    public static readonly Guid TdxMetadata = new("e47a6535-984a-4798-865e-4685a7bf8ec2");

    private static readonly Dictionary<Guid, string> Names = new()
    {
        [Footer] = "table footer",
        [HashArea] = "SEV hash area",
        [SecretArea] = "SEV secret area",
        [SevEsResetBlock] = "SEV-ES reset block",
        [SevMetadata] = "SEV metadata",
        [SvsmInfo] = "SVSM info",
        [TdxMetadata] = "TDX metadata",
    };

    /// <summary>What people call an entry; null for an unknown one.</summary>
    /// <param name="id">The entry's GUID.</param>
    public static string? GetName(Guid id) => Names.GetValueOrDefault(id);
}
