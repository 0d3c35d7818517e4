using System.Text.Json;

namespace KvmSevVmm.Lab.Tests;

/// <summary>What doctor says of a host whose facts are known: the laboratory has a real kvm_amd, hypercalls, and no SEV.</summary>
public sealed class DoctorTests
{
    [Fact]
    public void Doctor_InTheLaboratory_FindsHypercallsAndNoSev()
    {
        string? reason = Laboratory.SkipReason("kvmsev");
        Assert.SkipWhen(reason is not null, reason ?? string.Empty);

        LabOutput run = Laboratory.Run("scripts/lab.sh", ["--timeout", "60", "--", "kvmsev", "doctor", "--json"], TimeSpan.FromSeconds(90));

        Assert.True(run.ExitCode == 0, run.Error);
        using JsonDocument document = JsonDocument.Parse(run.Output);
        JsonElement verdicts = document.RootElement.GetProperty("run");
        Assert.True(verdicts.GetProperty("none").GetProperty("usable").GetBoolean());
        Assert.True(verdicts.GetProperty("simulated").GetProperty("usable").GetBoolean());
        Assert.False(verdicts.GetProperty("sev").GetProperty("usable").GetBoolean());
        Assert.Equal("mask 0x1000", Message(document, "exit-hypercall"));
        Assert.Equal("CPUID vendor AuthenticAMD", Message(document, "cpu-vendor"));
        Assert.Contains("KVM_MEMORY_ENCRYPT_OP answers ENOTTY (25)", Message(document, "kvm-sev"), StringComparison.Ordinal);
        Assert.Contains("ENOENT (2)", Message(document, "sev-device"), StringComparison.Ordinal);
    }

    private static string? Message(JsonDocument document, string check) => document.RootElement
        .GetProperty("tests")
        .EnumerateArray()
        .Single(test => test.GetProperty("name").GetString() == check)
        .GetProperty("message")
        .GetString();
}
