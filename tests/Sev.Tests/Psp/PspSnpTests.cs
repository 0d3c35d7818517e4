using System.Buffers.Binary;
using System.Security.Cryptography;
using KvmSevVmm.Sev.Attestation;
using KvmSevVmm.Sev.Certificates;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Sev.Psp;
using KvmSevVmm.Sev.Verification;
using Xunit;

namespace KvmSevVmm.Sev.Tests.Psp;

public sealed class PspSnpTests : IDisposable
{
    private const ulong Gpa = 0xFFC0_0000;
    private const int Page = 4096;

    private static readonly byte[] Firmware = [.. Enumerable.Range(0, 3 * Page).Select(index => (byte)(index % 251))];
    private static readonly byte[] Vmsa = [.. Enumerable.Range(0, Page).Select(index => (byte)(index % 13))];
    private static readonly byte[] HostData = [.. Enumerable.Range(0, 32).Select(index => (byte)(0x80 + index))];
    private static readonly byte[] ReportData = [.. Enumerable.Range(0, 64).Select(index => (byte)(0x40 + index))];

    private readonly SoftwarePsp _psp = SoftwarePsp.Create();
    private readonly SoftwareSnpGuest _guest;
    private readonly byte[] _secrets = new byte[Page];
    private readonly byte[] _cpuid = new byte[Page];

    public PspSnpTests()
    {
        _guest = _psp.CreateSnpGuest(static () => [Vmsa]);
    }

    // "new" is a machine before SNP_LAUNCH_START; -- is Linux's own refusal.
    private const string Table = """
        command       new LAUNCH RUNNING
        LAUNCH_START  00  --     --
        LAUNCH_UPDATE --  00     02
        LAUNCH_FINISH --  00     02
        REPORT        --  02     00
        REQUEST       --  02     00
        """;

    public static TheoryData<string, string, string> Cells
    {
        get
        {
            TheoryData<string, string, string> cells = [];
            string[][] rows = [.. Table.Split('\n').Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))];
            foreach (string[] row in rows.Skip(1))
            {
                for (int column = 1; column < row.Length; column++)
                {
                    cells.Add(row[0], rows[0][column], row[column].Trim());
                }
            }

            return cells;
        }
    }

    [Theory]
    [MemberData(nameof(Cells))]
    public void Guest_CommandInState_AnswersAsTheFirmware(string command, string column, string expected)
    {
        _guest.Initialize();
        if (column != "new")
        {
            Start();
            Add(Gpa, new byte[Page], SnpLaunchPageType.Secrets).CopyTo(_secrets, 0);
        }

        if (column == "RUNNING")
        {
            Finish();
        }

        PspStatus? status = PspHarness.StatusOf(() =>
        {
            Action action = command switch
            {
                "LAUNCH_START" => () => Start(),
                "LAUNCH_UPDATE" => () => Add(Gpa + Page, new byte[Page], SnpLaunchPageType.Normal),
                "LAUNCH_FINISH" => () => Finish(),
                "REPORT" => () => _guest.GetReport(ReportData, 0),
                _ => () => _guest.Request(MakeRequest(1, 0)),
            };
            action();
        });

        Assert.Equal(expected, status is { } code ? $"{(uint)code:x2}" : "--");
    }

    [Fact]
    public void Launch_EveryPageType_GivesTheDigestAndAReportThatVerifies()
    {
        SnpLaunchDigest expected = LaunchAll();

        SnpReport report = _guest.GetReport(ReportData, 1);

        Assert.Equal(SnpGuestState.Running, _guest.State);
        Assert.Equal(expected.Digest.ToArray(), report.Measurement.ToArray());
        Assert.Equal(ReportData, report.ReportData.ToArray());
        Assert.Equal(HostData, report.HostData.ToArray());
        Assert.Equal(1U, report.Vmpl);
        Assert.Equal(_psp.GetId(), report.ChipId.ToArray());
        AmdX509Chain chain = _psp.ExportVcekChain();
        DateTimeOffset at = new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);
        Assert.False(chain.Verify(PspAuthority.TrustingModel, at, null).HasFailures);
        Assert.Equal(["ark.pinned"], chain.Verify(TrustAnchors.AmdOnly, at, null).Failures.Select(check => check.Name));
        Assert.True(report.IsSignedBy(chain.Endorsement!.EcKey!.Value));
        EndorsementExtensions extensions = EndorsementExtensions.Read(chain.Endorsement);
        Assert.Equal(_psp.GetId(), extensions.HardwareId!.Value.ToArray());
        Assert.Equal(report.ReportedTcb.Snp, extensions.Snp);
        Assert.Equal(report.ReportedTcb.Microcode, extensions.Microcode);
        Assert.Contains("KVMSEV-MODEL", chain.Ark.SubjectName, StringComparison.Ordinal);
        Assert.Equal(SoftwarePsp.ExportAuthority().Ark.GetKeyFingerprint(), chain.Ark.GetKeyFingerprint());
    }

    [Fact]
    public void GetReport_PlatformAsSeenByTheVerifier_PassesEveryCheckButTheRoot()
    {
        LaunchAll();
        SnpReport report = _guest.GetReport(ReportData, 0);
        SnpReportExpectations expectations = new()
        {
            At = new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero),
            Chain = _psp.ExportVcekChain(),
            Anchors = PspAuthority.TrustingModel,
            ChipId = _psp.GetId(),
            Measurements = [_guest.LaunchDigest.ToArray()],
            ReportData = ReportData,
            HostData = HostData,
            Vmpl = 0,
            Policy = SnpPolicy.Default,
        };

        VerificationReport trusted = SnpReportVerifier.Verify(report, expectations);
        VerificationReport refused = SnpReportVerifier.Verify(report, expectations with { Anchors = TrustAnchors.AmdOnly });

        Assert.False(trusted.HasFailures, trusted.ToString());
        Assert.Equal(["ark.pinned"], refused.Failures.Select(check => check.Name));
    }

    [Fact]
    public void LaunchUpdate_SecretsPage_HoldsTheKeysOfTheGuestsMessages()
    {
        LaunchAll();

        byte[] answer = _guest.Request(MakeRequest(1, 2));
        GuestMessage response = GuestMessage.Decrypt(answer, Key(2), "answer");
        SnpReportResponse report = SnpReportResponse.Parse(response.Payload.Span, "answer");

        Assert.Equal(3U, BinaryPrimitives.ReadUInt32LittleEndian(_secrets));
        Assert.Equal(GuestMessageType.ReportResponse, response.Type);
        Assert.Equal(2UL, response.SequenceNumber);
        Assert.Equal(ReportData, report.Report!.ReportData.ToArray());
        Assert.Equal(2U, report.Report.Vmpl);

        PspHarness.Refused(PspStatus.AeadOverflow, () => _guest.Request(MakeRequest(1, 2)));
        PspHarness.Refused(PspStatus.AeadOverflow, () => _guest.Request(MakeRequest(4, 2)));
        _guest.Request(MakeRequest(3, 2));
        byte[] damaged = MakeRequest(5, 2);
        damaged[^1] ^= 1;
        PspHarness.Refused(PspStatus.BadMeasurement, () => _guest.Request(damaged));
        PspHarness.Refused(PspStatus.InvalidParam, () => _guest.Request(new byte[0x60]));
        PspHarness.Refused(PspStatus.InvalidParam, () => _guest.Request(new byte[0x10]));
        byte[] wrongType = new GuestMessage(5, GuestMessageType.KeyRequest, 1, 2, new byte[32]).Encrypt(Key(2));
        PspHarness.Refused(PspStatus.InvalidParam, () => _guest.Request(wrongType));

        // A level above the key's own is refused inside an answer.
        byte[] refusal = _guest.Request(MakeRequest(5, 2, vmpl: 1));
        SnpReportResponse refused = SnpReportResponse.Parse(GuestMessage.Decrypt(refusal, Key(2), "answer").Payload.Span, "answer");
        Assert.Equal((uint)PspStatus.InvalidParam, refused.Status);
        Assert.Null(refused.Report);
    }

    [Theory]
    [InlineData(0x10000UL, PspStatus.PolicyFailure)]
    [InlineData(0x30000UL | (1UL << 26), PspStatus.PolicyFailure)]
    [InlineData(0x20000UL, PspStatus.PolicyFailure)]
    [InlineData(0x30000UL | 0x0138, PspStatus.PolicyFailure)]
    [InlineData(0x30000UL | 0x0137, PspStatus.Success)]
    [InlineData(0xB0000UL, PspStatus.Success)]
    public void LaunchStart_PolicyGates(ulong policy, PspStatus expected)
    {
        _guest.Initialize();

        Assert.Equal(expected, PspHarness.StatusOf(() => Start(policy)));
        Assert.Equal(expected == PspStatus.Success ? 1U : 0U, _psp.GetSnpStatus().GuestCount);
        Assert.Equal(expected != PspStatus.Success, PspHarness.StatusOf(_psp.FactoryReset) == PspStatus.Success);
        _guest.Dispose();
        Assert.Equal(0U, _psp.GetSnpStatus().GuestCount);
    }

    [Fact]
    public void LaunchStart_WithoutSmtOnAPlatformWithout_IsAllowed()
    {
        using SoftwarePsp psp = SoftwarePsp.Create(new PspOptions { IsSmtEnabled = false });
        using SoftwareSnpGuest guest = psp.CreateSnpGuest();
        guest.Initialize();

        guest.LaunchStart(new SnpLaunchStartRequest(new SnpPolicy(0x20000), default));

        Assert.Equal(SnpGuestState.Launch, guest.State);
    }

    [Fact]
    public void LaunchUpdate_PagesThatAreNotPrivateOrWereAdded_AreRefused()
    {
        _guest.Initialize();
        Start();
        byte[] page = new byte[Page];

        Assert.Null(KernelRefusal(() => _guest.LaunchUpdate(new GuestPiece(Gpa, 0, page), SnpLaunchPageType.Normal)));
        Add(Gpa, page, SnpLaunchPageType.Normal);
        Assert.Null(KernelRefusal(() => _guest.LaunchUpdate(new GuestPiece(Gpa, 0, page), SnpLaunchPageType.Normal)));
        Assert.Null(KernelRefusal(() => _guest.LaunchUpdate(new GuestPiece(Gpa + 1, 0, page), SnpLaunchPageType.Normal)));
        Assert.Null(KernelRefusal(() => _guest.LaunchUpdate(new GuestPiece(Gpa, 0, page.AsSpan(1)), SnpLaunchPageType.Normal)));
        Assert.Null(KernelRefusal(() => _guest.LaunchUpdate(new GuestPiece(Gpa, 0, page), (SnpLaunchPageType)2)));
        Assert.Null(KernelRefusal(() => _guest.SetPrivate(Gpa, 1, true)));
        _guest.SetPrivate(Gpa, Page, false);
        _guest.SetPrivate(Gpa, Page, true);
        _guest.LaunchUpdate(new GuestPiece(Gpa, 0, page), SnpLaunchPageType.Normal);
    }

    [Fact]
    public void LaunchUpdate_CpuidPageThatIsRefused_HoldsWhatWouldBeAccepted()
    {
        _guest.Initialize();
        Start();
        _guest.SetPrivate(Gpa, Page, true);
        byte[] page = new byte[Page];
        WriteEntry(page, 0, 0x0D, 0, ebx: 0x988);
        WriteEntry(page, 1, 0x01, 0, ecx: 0x8100_0001);
        WriteEntry(page, 2, 0x07, 0, ebx: 3, edx: 0xFC00_0010);
        BinaryPrimitives.WriteUInt32LittleEndian(page, 3);
        byte[] digest = _guest.LaunchDigest.ToArray();

        PspHarness.Refused(PspStatus.InvalidParam, () => _guest.LaunchUpdate(new GuestPiece(Gpa, 0, page), SnpLaunchPageType.Cpuid));
        Assert.Equal(digest, _guest.LaunchDigest.ToArray());
        _guest.LaunchUpdate(new GuestPiece(Gpa, 0, page), SnpLaunchPageType.Cpuid);

        Assert.Equal(0x240U, BinaryPrimitives.ReadUInt32LittleEndian(page.AsSpan(16 + 28)));
        Assert.Equal(0x8000_0001U, BinaryPrimitives.ReadUInt32LittleEndian(page.AsSpan(16 + 48 + 32)));
        Assert.Equal(1U, BinaryPrimitives.ReadUInt32LittleEndian(page.AsSpan(16 + 96 + 28)));
        Assert.Equal(0x10U, BinaryPrimitives.ReadUInt32LittleEndian(page.AsSpan(16 + 96 + 36)));

        foreach (int offset in (int[])[0, 4, 8])
        {
            byte[] malformed = new byte[Page];
            malformed[offset] = 65;
            _guest.SetPrivate(Gpa + Page, Page, true);
            PspHarness.Refused(
                PspStatus.InvalidParam,
                () => _guest.LaunchUpdate(new GuestPiece(Gpa + Page, 0, malformed), SnpLaunchPageType.Cpuid));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void LaunchFinish_IdBlock_IsCheckedInTheFirmwaresOrder(bool withAuthor)
    {
        using ECDsa idKey = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        using ECDsa authorKey = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        SnpLaunchDigest digest = new();
        digest.UpdateVmsa(Vmsa, "vmsa");
        IdBlock block = IdBlock.Create(digest.Digest, SnpPolicy.Default, new byte[16], HostData.AsSpan(0, 16), 7);
        byte[] auth = IdAuthentication.Create(block, idKey, withAuthor ? authorKey : null).Bytes.ToArray();
        IdBlock otherDigest = IdBlock.Create(new byte[48], new SnpPolicy(0xB0000));
        IdBlock otherPolicy = IdBlock.Create(digest.Digest, new SnpPolicy(0xB0000));

        Assert.Equal(PspStatus.BadMeasurement, Try(otherDigest.Bytes, auth));
        Assert.Equal(PspStatus.PolicyFailure, Try(otherPolicy.Bytes, auth));
        Assert.Equal(PspStatus.InvalidParam, Try(block.Bytes, Flip(auth, 0)));
        Assert.Equal(PspStatus.BadSignature, Try(block.Bytes, Flip(auth, 0x40)));
        Assert.Equal(PspStatus.BadSignature, Try(block.Bytes, Flip(auth, 0x244)));
        Assert.Equal(PspStatus.BadSignature, Try(Flip(block.Bytes, 0x54), auth));
        Assert.Equal(withAuthor ? PspStatus.InvalidParam : PspStatus.Success, Try(block.Bytes, Flip(auth, 4)));
        Assert.Equal(withAuthor ? PspStatus.BadSignature : PspStatus.Success, Try(block.Bytes, Flip(auth, 0x680)));
        Assert.Equal(withAuthor ? PspStatus.BadSignature : PspStatus.Success, Try(block.Bytes, Flip(auth, 0x884)));
        Assert.Null(Try(block.Bytes[1..], auth));
        Assert.Null(Try(block.Bytes, []));

        SnpReport? report = null;
        Assert.Equal(PspStatus.Success, Try(block.Bytes, auth, guest => report = guest.GetReport([], 0)));
        Assert.Equal(7U, report!.GuestSvn);
        Assert.Equal(HostData[..16], report.ImageId.ToArray());
        Assert.Equal(withAuthor, report.HasAuthorKey);
        Assert.Equal(IdAuthentication.GetKeyDigest(idKey.ExportParameters(false)), report.IdKeyDigest.ToArray());
        Assert.Equal(
            withAuthor ? IdAuthentication.GetKeyDigest(authorKey.ExportParameters(false)) : new byte[48],
            report.AuthorKeyDigest.ToArray());

        PspStatus? Try(ReadOnlySpan<byte> idBlock, byte[] authentication, Action<SoftwareSnpGuest>? then = null)
        {
            using SoftwareSnpGuest guest = _psp.CreateSnpGuest(static () => [Vmsa]);
            guest.Initialize();
            guest.LaunchStart(new SnpLaunchStartRequest(SnpPolicy.Default, default));
            SnpLaunchFinishRequest request = new(idBlock.ToArray(), authentication, withAuthor, false, default);
            PspStatus? status = PspHarness.StatusOf(() => guest.LaunchFinish(request));
            Assert.Equal(status == PspStatus.Success ? SnpGuestState.Running : SnpGuestState.Launch, guest.State);
            then?.Invoke(guest);
            return status;
        }
    }

    [Fact]
    public void GetReport_VcekForbidden_IsInvalidKey()
    {
        _guest.Initialize();
        Start();
        _guest.LaunchFinish(new SnpLaunchFinishRequest(default, default, false, true, default));

        PspHarness.Refused(PspStatus.InvalidKey, () => _guest.GetReport(ReportData, 0));
        PspHarness.Refused(PspStatus.InvalidParam, () => _guest.GetReport(ReportData, 4));
        PspHarness.Refused(PspStatus.InvalidParam, () => _guest.GetReport([1], 0));
    }

    public void Dispose()
    {
        _guest.Dispose();
        _psp.Dispose();
    }

    private static PspStatus? KernelRefusal(Action action) => Assert.Throws<SevCommandFailedException>(action).Status;

    private static void WriteEntry(byte[] page, int index, uint leaf, uint subleaf, uint ebx = 0, uint ecx = 0, uint edx = 0)
    {
        Span<byte> entry = page.AsSpan(16 + (index * 48), 48);
        BinaryPrimitives.WriteUInt32LittleEndian(entry, leaf);
        BinaryPrimitives.WriteUInt32LittleEndian(entry[4..], subleaf);
        BinaryPrimitives.WriteUInt32LittleEndian(entry[28..], ebx);
        BinaryPrimitives.WriteUInt32LittleEndian(entry[32..], ecx);
        BinaryPrimitives.WriteUInt32LittleEndian(entry[36..], edx);
    }

    private static byte[] Flip(ReadOnlySpan<byte> bytes, int offset)
    {
        byte[] damaged = bytes.ToArray();
        damaged[offset] ^= 2;
        return damaged;
    }

    private SnpLaunchDigest LaunchAll()
    {
        SnpLaunchDigest expected = new();
        expected.UpdateNormal(Gpa, Firmware, "firmware");
        expected.UpdateWithoutContents(SnpPageType.Zero, 0x80_0000, 2 * Page, "zero");
        expected.UpdateWithoutContents(SnpPageType.Unmeasured, 0x80_2000, Page, "unmeasured");
        expected.UpdateWithoutContents(SnpPageType.Secrets, 0x80_3000, Page, "secrets");
        expected.UpdateWithoutContents(SnpPageType.Cpuid, 0x80_4000, Page, "cpuid");
        expected.UpdateVmsa(Vmsa, "vmsa");
        _guest.Initialize();
        Start();
        Add(Gpa, Firmware, SnpLaunchPageType.Normal);
        Assert.Equal(new byte[2 * Page], Add(0x80_0000, Firmware[..(2 * Page)], SnpLaunchPageType.Zero));
        Add(0x80_2000, Firmware[..Page], SnpLaunchPageType.Unmeasured);
        Add(0x80_3000, _secrets, SnpLaunchPageType.Secrets).CopyTo(_secrets, 0);
        Add(0x80_4000, _cpuid, SnpLaunchPageType.Cpuid);
        Finish();
        Assert.Equal(expected.Digest.ToArray(), _guest.LaunchDigest.ToArray());
        return expected;
    }

    private void Start(ulong policy = SnpPolicy.DefaultValue) =>
        _guest.LaunchStart(new SnpLaunchStartRequest(new SnpPolicy(policy), new byte[16]));

    private byte[] Add(ulong gpa, byte[] content, SnpLaunchPageType type)
    {
        byte[] memory = [.. content];
        _guest.SetPrivate(gpa, (ulong)memory.Length, true);
        _guest.LaunchUpdate(new GuestPiece(gpa, 0, memory), type);
        return memory;
    }

    private void Finish() => _guest.LaunchFinish(new SnpLaunchFinishRequest(default, default, false, false, HostData));

    private byte[] Key(int index) => _secrets.AsSpan(0x20 + (index * 32), 32).ToArray();

    private byte[] MakeRequest(ulong number, byte key, uint? vmpl = null)
    {
        byte[] payload = new byte[0x60];
        ReportData.CopyTo(payload, 0);
        BinaryPrimitives.WriteUInt32LittleEndian(payload.AsSpan(0x40), vmpl ?? key);
        return new GuestMessage(number, GuestMessageType.ReportRequest, 1, key, payload).Encrypt(Key(key));
    }
}
