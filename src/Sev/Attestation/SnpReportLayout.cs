namespace KvmSevVmm.Sev.Attestation;

/// <summary>Where the fields of a SEV-SNP attestation report stand.</summary>
/// <remarks>Source: AMD SNP ABI 56860, ATTESTATION_REPORT, versions 2, 3 and 5.</remarks>
internal static class SnpReportLayout
{
    internal const int Version = 0x000;
    internal const int GuestSvn = 0x004;
    internal const int Policy = 0x008;
    internal const int FamilyId = 0x010;
    internal const int ImageId = 0x020;
    internal const int Vmpl = 0x030;
    internal const int SignatureAlgorithm = 0x034;
    internal const int CurrentTcb = 0x038;
    internal const int PlatformInfo = 0x040;
    internal const int Flags = 0x048;
    internal const int Reserved1 = 0x04C;
    internal const int ReportData = 0x050;
    internal const int Measurement = 0x090;
    internal const int HostData = 0x0C0;
    internal const int IdKeyDigest = 0x0E0;
    internal const int AuthorKeyDigest = 0x110;
    internal const int ReportId = 0x140;
    internal const int ReportIdMa = 0x160;
    internal const int ReportedTcb = 0x180;
    internal const int CpuidFamily = 0x188;
    internal const int CpuidModel = 0x189;
    internal const int CpuidStepping = 0x18A;
    internal const int Reserved2 = 0x18B;
    internal const int ChipId = 0x1A0;
    internal const int CommittedTcb = 0x1E0;
    internal const int CurrentVersion = 0x1E8;
    internal const int Reserved3 = 0x1EB;
    internal const int CommittedVersion = 0x1EC;
    internal const int Reserved4 = 0x1EF;
    internal const int LaunchTcb = 0x1F0;
    internal const int LaunchMitigations = 0x1F8;
    internal const int CurrentMitigations = 0x200;
    internal const int Reserved5 = 0x208;
    internal const int Signature = 0x2A0;
    internal const int SignaturePadding = Signature + 144;
    internal const int Size = 0x4A0;

    internal const int IdSize = 16;
    internal const int ReportDataSize = 64;
    internal const int DigestSize = 48;
    internal const int HostDataSize = 32;
    internal const int ReportIdSize = 32;
    internal const int ChipIdSize = 64;

    internal const int AuthorKeyBit = 0;
    internal const int MaskChipKeyBit = 1;
    internal const int SigningKeyShift = 2;
    internal const uint SigningKeyMask = 7;
    internal const uint ReservedFlags = ~0x1FU;
}
