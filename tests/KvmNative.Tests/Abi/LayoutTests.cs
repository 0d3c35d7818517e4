using Xunit;

namespace KvmSevVmm.KvmNative.Tests.Abi;

/// <summary>The structs, constants and request numbers of KvmNative are those of the kernel.</summary>
public sealed class LayoutTests(ITestOutputHelper output)
{
    [Fact]
    public void EveryMember_HasACName()
    {
        (List<AbiCheck> checks, List<string> faults) = AbiInventory.Collect();

        Assert.True(faults.Count == 0, string.Join('\n', faults));
        // Guards against an inventory that silently finds nothing.
        Assert.True(checks.Count(check => check.Name.StartsWith("sizeof ", StringComparison.Ordinal)) >= 95);
        Assert.True(checks.Count(check => check.Name.StartsWith("offset ", StringComparison.Ordinal)) >= 470);
        Assert.True(checks.Count(check => check.Name.StartsWith("KVM_CAP_", StringComparison.Ordinal)) >= 244);
    }

    [Fact]
    public void SameCName_NeverHasTwoValues()
    {
        (List<AbiCheck> checks, _) = AbiInventory.Collect();

        IEnumerable<string> contradictions = checks.GroupBy(check => check.Name)
            .Where(group => group.Select(check => check.Value).Distinct().Count() > 1)
            .Select(group => string.Join(", ", group.Select(check => $"{check.Origin} = {check.Value}")));
        Assert.Empty(contradictions);
    }

    [Fact]
    public void Everything_AgreesWithTheInstalledHeadersOrTheTable()
    {
        Assert.SkipUnless(HeaderProbe.WhyNot() is null, $"Layouts not checked against headers: {HeaderProbe.WhyNot()}");
        (List<AbiCheck> all, _) = AbiInventory.Collect();
        List<AbiCheck> checks = [.. all.DistinctBy(check => check.Name)];
        IReadOnlyDictionary<string, ulong> table = NewerHeaders.Read();

        Dictionary<string, ulong> headers = HeaderProbe.Evaluate(checks);

        List<string> wrong = [];
        int byHeaders = 0, byTable = 0;
        foreach (AbiCheck check in checks)
        {
            bool inHeaders = headers.TryGetValue(check.Name, out ulong fromHeaders);
            bool inTable = table.TryGetValue(check.Name, out ulong fromTable);
            byHeaders += inHeaders ? 1 : 0;
            byTable += !inHeaders && inTable ? 1 : 0;
            if (inHeaders && fromHeaders != check.Value)
            {
                wrong.Add($"{check.Name}: {check.Origin} says {check.Value}, the headers {fromHeaders}");
            }

            if (inTable && fromTable != check.Value)
            {
                wrong.Add($"{check.Name}: {check.Origin} says {check.Value}, the table {fromTable}");
            }

            if (!inHeaders && !inTable)
            {
                wrong.Add($"{check.Name}: {check.Origin} is checked by neither headers nor table");
            }
        }

        output.WriteLine($"{checks.Count} facts: {byHeaders} by the installed headers, {byTable} by the table of newer ones.");
        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
        Assert.Equal(checks.Count, byHeaders + byTable);
    }

    [Fact]
    public void Table_AgreesAndHasNothingStale()
    {
        (List<AbiCheck> checks, _) = AbiInventory.Collect();
        Dictionary<string, ulong> values = checks.DistinctBy(check => check.Name).ToDictionary(check => check.Name, check => check.Value);

        List<string> wrong = [];
        foreach ((string name, ulong expected) in NewerHeaders.Read())
        {
            if (!values.TryGetValue(name, out ulong actual))
            {
                wrong.Add($"{name} names nothing");
            }
            else if (actual != expected)
            {
                wrong.Add($"{name} is {actual}, the table says {expected}");
            }
        }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }

    [Theory]
    [InlineData("KVM_CAP_")]
    [InlineData("KVM_HC_")]
    [InlineData("KVM_FEATURE_")]
    [InlineData("MSR_KVM_")]
    [InlineData("KVM_SYSTEM_EVENT_")]
    [InlineData("KVM_MSR_EXIT_REASON_")]
    [InlineData("KVM_MEM_")]
    [InlineData("KVM_MP_STATE_")]
    [InlineData("KVM_EXIT_", "KVM_EXIT_HYPERV_", "KVM_EXIT_XEN_", "KVM_EXIT_ARM_SEA_FLAG_")]
    [InlineData("SEV_STATUS_FLAGS_")]
    public void Constants_OfTheInstalledHeaders_AreAllThere(string prefix, params string[] otherFamilies)
    {
        Assert.SkipUnless(HeaderProbe.WhyNot() is null, $"Headers not searched: {HeaderProbe.WhyNot()}");
        (List<AbiCheck> checks, _) = AbiInventory.Collect();
        HashSet<string> ours = [.. checks.Select(check => check.Name)];

        string[] missing =
        [
            .. HeaderProbe.Macros().Where(name => name.StartsWith(prefix, StringComparison.Ordinal)
                && !name.EndsWith("_MASK", StringComparison.Ordinal)
                && !otherFamilies.Any(other => name.StartsWith(other, StringComparison.Ordinal))
                && !ours.Contains(name)),
        ];

        Assert.Contains(ours, name => name.StartsWith(prefix, StringComparison.Ordinal));
        Assert.True(missing.Length == 0, string.Join('\n', missing));
    }

    [Theory]
    [InlineData("kvm_sev_")]
    [InlineData("sev_user_data_", "sev_user_data_snp_wrapped_vlek_hashstick")]
    public void Structs_OfTheInstalledHeaders_AreAllThere(string prefix, params string[] exceptions)
    {
        Assert.SkipUnless(HeaderProbe.WhyNot() is null, $"Headers not searched: {HeaderProbe.WhyNot()}");
        (List<AbiCheck> checks, _) = AbiInventory.Collect();
        HashSet<string> ours = [.. checks.Select(check => check.Name)];

        HashSet<string> theirs = [.. HeaderProbe.Structs().Where(tag => tag.StartsWith(prefix, StringComparison.Ordinal))];

        Assert.NotEmpty(theirs);
        Assert.DoesNotContain(theirs.Except(exceptions), tag => !ours.Contains($"sizeof struct {tag}"));
    }

    [Fact]
    public void Probe_WrongAbsentAndBrokenChecks_AreToldApart()
    {
        Assert.SkipUnless(HeaderProbe.WhyNot() is null, $"Probe not tried: {HeaderProbe.WhyNot()}");
        AbiCheck wrong = new("a", "sizeof(struct kvm_regs)", 1, "test");
        AbiCheck absentConstant = new("b", "(long long)(KVM_CAP_OF_ANOTHER_CENTURY)", 1, "test");
        AbiCheck absentStruct = new("c", "sizeof(struct kvm_of_another_century)", 1, "test");
        AbiCheck absentField = new("d", "offsetof(struct kvm_regs, r99)", 1, "test");
        AbiCheck bitsOfAbsentStruct = new("e", "({ struct kvm_of_another_century s; s.x = 1; 1; })", 1, "test");
        AbiCheck broken = new("f", "1 +", 1, "test");

        Dictionary<string, ulong> values = HeaderProbe.Evaluate([wrong, absentConstant, absentStruct, absentField, bitsOfAbsentStruct]);

        Assert.Equal(new Dictionary<string, ulong> { ["a"] = 144 }, values);
        Assert.ThrowsAny<Xunit.Sdk.XunitException>(() => HeaderProbe.Evaluate([wrong, broken]));
    }

    [Theory]
    [InlineData("GuestPhysAddr", "guest_phys_addr")]
    [InlineData("R8", "r8")]
    [InlineData("Cr0", "cr0")]
    [InlineData("IdBlockUaddr", "id_block_uaddr")]
    [InlineData("X86UserSpaceMsr", "x86_user_space_msr")]
    [InlineData("EINVAL", "einval")]
    public void SnakeCase_FollowsTheMechanicalRule(string name, string expected)
        => Assert.Equal(expected, AbiInventory.SnakeCase(name));
}
