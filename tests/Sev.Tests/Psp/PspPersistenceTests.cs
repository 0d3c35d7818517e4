using KvmSevVmm.Sev.Certificates;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Psp;
using KvmSevVmm.Sev.Sessions;
using Xunit;

namespace KvmSevVmm.Sev.Tests.Psp;

public sealed class PspPersistenceTests : IDisposable
{
    private readonly string _directory = Path.Combine(Path.GetTempPath(), $"kvmsev-psp-{Guid.NewGuid():N}");

    private string StatePath => Path.Combine(_directory, "platform.json");

    [Fact]
    public void Open_TwoPrograms_SeeOnePlatform()
    {
        using SoftwarePsp first = SoftwarePsp.Open(_directory);
        using SoftwarePsp second = SoftwarePsp.Open(_directory, new PspOptions { Firmware = new SevFirmwareVersion(9, 9, 9) });

        Assert.Equal(first.ExportPdh().Pdh.ToArray(), second.ExportPdh().Pdh.ToArray());
        Assert.Equal(first.GetId(), second.GetId());
        Assert.Equal(first.GetStatus(), second.GetStatus());
        first.GeneratePdh();
        Assert.Equal(first.ExportPdh().Pdh.ToArray(), second.ExportPdh().Pdh.ToArray());
        PspPlatformTests.Own(second);
        Assert.True(first.GetStatus().IsExternallyOwned);
        Assert.False(SevChainVerifier.Verify(first.ExportChain(), PspAuthority.TrustingModel).HasFailures);
        using SoftwareSevGuest guest = PspPlatformTests.Launch(second);
        using SoftwareSevGuest other = PspPlatformTests.Launch(first);
        Assert.Equal([1U, 2U], [guest.GetGuestStatus().Handle, other.GetGuestStatus().Handle]);
        Assert.Equal(SevPlatformState.Working, first.GetStatus().State);
        Assert.Equal(2U, first.GetStatus().GuestCount);
        Assert.Throws<SevCommandFailedException>(first.FactoryReset);
        guest.Dispose();
        other.Dispose();
        Assert.Equal(0U, first.GetStatus().GuestCount);
    }

    [Fact]
    public void Open_SessionMadeForTheExport_LaunchesInAnotherProgram()
    {
        SevCertificateChain chain;
        using (SoftwarePsp exporter = SoftwarePsp.Open(_directory))
        {
            chain = exporter.ExportChain();
        }

        using LaunchSession session = LaunchSession.Create(chain.Pdh, default, SystemRandomSource.Instance);
        using SoftwarePsp runner = SoftwarePsp.Open(_directory);
        using SoftwareSevGuest guest = runner.CreateGuest();
        guest.Initialize(SevGuestKind.Sev);
        guest.LaunchStart(new LaunchStartRequest(default, session.Godh.Bytes.ToArray(), session.Session.Bytes.ToArray()));

        Assert.True(session.Keys.HasSameKeys(guest.Keys!));
    }

    [Fact]
    public void Save_FilesAreTheirUsersAlone()
    {
        using SoftwarePsp psp = SoftwarePsp.Open(_directory);
        using SoftwareSevGuest guest = PspPlatformTests.Launch(psp);

        const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        string[] files = Directory.GetFiles(_directory, "*", SearchOption.AllDirectories);
        Assert.Equal(
            ["1", "platform.json", "platform.lock"],
            files.Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal));
        if (!OperatingSystem.IsWindows())
        {
            foreach (string path in files)
            {
                Assert.Equal(Private, File.GetUnixFileMode(path));
            }

            Assert.Equal(Private | UnixFileMode.UserExecute, File.GetUnixFileMode(_directory));
        }
    }

    [Fact]
    public void GetStatus_GuestOfAProgramThatDied_IsNotCounted()
    {
        using SoftwarePsp psp = SoftwarePsp.Open(_directory);

        // What a killed program leaves: the file without its lock.
        File.WriteAllBytes(Path.Combine(_directory, "guests", "1"), []);

        Assert.Equal(0U, psp.GetStatus().GuestCount);
        Assert.Empty(Directory.GetFiles(Path.Combine(_directory, "guests")));
    }

    [Fact]
    public void Open_Concurrently_LosesNoCommand()
    {
        PspOptions options = new() { Seed = "s" };
        SoftwarePsp.Open(_directory, options).Dispose();
        const int Rounds = 8;

        Parallel.For(0, 4, _ =>
        {
            using SoftwarePsp psp = SoftwarePsp.Open(_directory);
            for (int round = 0; round < Rounds; round++)
            {
                psp.GeneratePdh();
            }
        });

        // Every draw is counted, so a platform that did the same alone stands at the same place.
        using SoftwarePsp alone = SoftwarePsp.Create(options);
        for (int round = 0; round < 4 * Rounds; round++)
        {
            alone.GeneratePdh();
        }

        using SoftwarePsp after = SoftwarePsp.Open(_directory);
        Assert.Equal(
            alone.ExportPdh().Pdh.Span[..SevCertificate.BodySize].ToArray(),
            after.ExportPdh().Pdh.Span[..SevCertificate.BodySize].ToArray());
    }

    [Fact]
    public void Open_WithoutSeed_StoresNoneAndForetellsNothing()
    {
        string other = $"{_directory}-other";
        try
        {
            using SoftwarePsp first = SoftwarePsp.Open(_directory);
            using SoftwarePsp second = SoftwarePsp.Open(other);
            first.GeneratePek();
            second.GeneratePek();

            Assert.DoesNotContain("seed", File.ReadAllText(StatePath), StringComparison.Ordinal);
            Assert.NotEqual(first.ExportChain().Pek.Body.ToArray(), second.ExportChain().Pek.Body.ToArray());
        }
        finally
        {
            Directory.Delete(other, recursive: true);
        }
    }

    [Theory]
    [InlineData("\"format\": \"kvmsev-psp-1\"", "\"format\": \"kvmsev-psp-2\"", "format")]
    [InlineData("\"isInitialized\": true", "\"isInitialized\": 1", "isInitialized")]
    [InlineData("\"drawCount\": 1", "\"drawCount\": -1", "drawCount")]
    [InlineData("\"pekKey\": \"", "\"pekKey\": \"z", "pekKey")]
    [InlineData("\"pdhKey\": \"", "\"pdhKey\": \"00", "pdhKey")]
    [InlineData("\"chipSecret\"", "\"other\"", "chipSecret")]
    [InlineData("{", "[", "platform state")]
    public void Open_DamagedState_NamesTheField(string old, string replacement, string field)
    {
        SoftwarePsp.Open(_directory).Dispose();
        File.WriteAllText(StatePath, File.ReadAllText(StatePath).Replace(old, replacement, StringComparison.Ordinal));

        SevFormatException refusal = Assert.Throws<SevFormatException>(() => SoftwarePsp.Open(_directory));

        Assert.Equal(field, refusal.Field);
        Assert.Equal(StatePath, refusal.Input);
    }

    [Fact]
    public void Parse_KeyOfAnotherCertificate_IsRefused()
    {
        byte[] valid = PspStateFile.Serialize(PspState.Create(new PspOptions()));
        byte[] other = PspStateFile.Serialize(PspState.Create(new PspOptions()));
        string key = Line(other, "pdhKey");
        string swapped = System.Text.Encoding.UTF8.GetString(valid).Replace(Line(valid, "pdhKey"), key, StringComparison.Ordinal);

        SevFormatException refusal = Assert.Throws<SevFormatException>(
            () => PspStateFile.Parse(System.Text.Encoding.UTF8.GetBytes(swapped), "state"));

        Assert.Equal("pdhKey", refusal.Field);

        static string Line(byte[] bytes, string name) =>
            System.Text.Encoding.UTF8.GetString(bytes).Split('\n').Single(line => line.Contains($"\"{name}\"", StringComparison.Ordinal));
    }

    [Fact]
    public void Parse_Mutations_AreRefusedWithTheFieldNamed()
    {
        byte[] valid = PspStateFile.Serialize(PspState.Create(new PspOptions { Seed = "seed" }));
        Assert.Equal(valid, PspStateFile.Serialize(PspStateFile.Parse(valid, "state")));

        // A mutation that is still a platform costs key work; most are not.
        Fuzz.Mutate([valid], bytes => PspStateFile.Parse(bytes, "fuzz"), count: 1_500);
    }

    public void Dispose()
    {
        if (Directory.Exists(_directory))
        {
            Directory.Delete(_directory, recursive: true);
        }
    }
}
