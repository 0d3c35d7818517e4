using System.Reflection;
using System.Text.Json;
using KvmSevVmm.Sev.Measurement;
using Xunit;

namespace KvmSevVmm.Sev.Tests.Measurement;

public sealed class VmsaTests
{
    private const uint Milan = 0xA00F11;

    [Fact]
    public void Create_QemusFirstVcpu_IsSevctlsFile()
    {
        Vmsa vmsa = VmsaProfiles.Create(VmsaProfile.QemuLegacyInit, VmsaProfiles.ResetVector, Milan, 0);

        Assert.Equal(Vectors.Bytes("virtee-sevctl/vmsa0.bin"), vmsa.Page);
    }

    [Fact]
    public void Parse_SevctlsFile_ShowsWhatSevctlShows()
    {
        using JsonDocument document = JsonDocument.Parse(Vectors.Bytes("virtee-sevctl/vmsa0-show.txt"));
        JsonElement shown = document.RootElement;
        Vmsa vmsa = Vmsa.Parse(Vectors.Bytes("virtee-sevctl/vmsa0.bin"), "vmsa0.bin");

        AssertSegment(shown, "es", vmsa.Es);
        AssertSegment(shown, "cs", vmsa.Cs);
        AssertSegment(shown, "ss", vmsa.Ss);
        AssertSegment(shown, "ds", vmsa.Ds);
        AssertSegment(shown, "fs", vmsa.Fs);
        AssertSegment(shown, "gs", vmsa.Gs);
        AssertSegment(shown, "gdtr", vmsa.Gdtr);
        AssertSegment(shown, "ldtr", vmsa.Ldtr);
        AssertSegment(shown, "idtr", vmsa.Idtr);
        AssertSegment(shown, "tr", vmsa.Tr);
        (string Name, ulong Value)[] registers =
        [
            ("cpl", vmsa.Cpl), ("efer", vmsa.Efer), ("xss", vmsa.Xss), ("cr4", vmsa.Cr4), ("cr3", vmsa.Cr3), ("cr0", vmsa.Cr0),
            ("dr7", vmsa.Dr7), ("dr6", vmsa.Dr6), ("rflags", vmsa.Rflags), ("rip", vmsa.Rip), ("rsp", vmsa.Rsp), ("rax", vmsa.Rax),
            ("star", vmsa.Star), ("lstar", vmsa.LStar), ("cstar", vmsa.CStar), ("sfmask", vmsa.SfMask),
            ("kernel_gs_base", vmsa.KernelGsBase), ("sysenter_cs", vmsa.SysenterCs), ("sysenter_esp", vmsa.SysenterEsp),
            ("sysenter_eip", vmsa.SysenterEip), ("cr2", vmsa.Cr2), ("g_pat", vmsa.GPat), ("dbgctl", vmsa.DebugCtl),
            ("pkru", vmsa.Pkru), ("rcx", vmsa.Rcx), ("rdx", vmsa.Rdx), ("rbx", vmsa.Rbx), ("rbp", vmsa.Rbp), ("rsi", vmsa.Rsi),
            ("rdi", vmsa.Rdi), ("r8", vmsa.R8), ("r9", vmsa.R9), ("r10", vmsa.R10), ("r11", vmsa.R11), ("r12", vmsa.R12),
            ("r13", vmsa.R13), ("r14", vmsa.R14), ("r15", vmsa.R15), ("xcr0", vmsa.Xcr0),
        ];
        Assert.All(registers, register => Assert.Equal(shown.GetProperty(register.Name).GetUInt64(), register.Value));
    }

    // Offsets from the APM's table B-4, typed a second time: a register that moved would agree with itself in a round trip.
    [Theory]
    [InlineData(nameof(Vmsa.Vmpl), 0x0CA, 1)]
    [InlineData(nameof(Vmsa.Cpl), 0x0CB, 1)]
    [InlineData(nameof(Vmsa.Efer), 0x0D0, 8)]
    [InlineData(nameof(Vmsa.Xss), 0x140, 8)]
    [InlineData(nameof(Vmsa.Cr4), 0x148, 8)]
    [InlineData(nameof(Vmsa.Cr3), 0x150, 8)]
    [InlineData(nameof(Vmsa.Cr0), 0x158, 8)]
    [InlineData(nameof(Vmsa.Rsp), 0x1D8, 8)]
    [InlineData(nameof(Vmsa.Rax), 0x1F8, 8)]
    [InlineData(nameof(Vmsa.Star), 0x200, 8)]
    [InlineData(nameof(Vmsa.SysenterEip), 0x238, 8)]
    [InlineData(nameof(Vmsa.Cr2), 0x240, 8)]
    [InlineData(nameof(Vmsa.DebugCtl), 0x270, 8)]
    [InlineData(nameof(Vmsa.Pkru), 0x2E8, 4)]
    [InlineData(nameof(Vmsa.TscAux), 0x2EC, 4)]
    [InlineData(nameof(Vmsa.Rcx), 0x308, 8)]
    [InlineData(nameof(Vmsa.Rbx), 0x318, 8)]
    [InlineData(nameof(Vmsa.Rbp), 0x328, 8)]
    [InlineData(nameof(Vmsa.Rsi), 0x330, 8)]
    [InlineData(nameof(Vmsa.Rdi), 0x338, 8)]
    [InlineData(nameof(Vmsa.R8), 0x340, 8)]
    [InlineData(nameof(Vmsa.R15), 0x378, 8)]
    [InlineData(nameof(Vmsa.SevFeatures), 0x3B0, 8)]
    [InlineData(nameof(Vmsa.Xcr0), 0x3E8, 8)]
    [InlineData(nameof(Vmsa.X87DataPointer), 0x400, 8)]
    [InlineData(nameof(Vmsa.Mxcsr), 0x408, 4)]
    [InlineData(nameof(Vmsa.X87Ftw), 0x40C, 2)]
    [InlineData(nameof(Vmsa.X87Fsw), 0x40E, 2)]
    [InlineData(nameof(Vmsa.X87Fcw), 0x410, 2)]
    [InlineData(nameof(Vmsa.X87Fop), 0x412, 2)]
    [InlineData(nameof(Vmsa.X87Rip), 0x418, 8)]
    public void Set_Register_WritesItsBytesAndNoOthers(string name, int offset, int size)
    {
        Vmsa vmsa = new();
        PropertyInfo register = typeof(Vmsa).GetProperty(name)!;
        byte[] value = [.. Enumerable.Range(1, size).Select(number => (byte)number)];

        register.SetValue(vmsa, size switch
        {
            1 => value[0],
            2 => BitConverter.ToUInt16(value),
            4 => BitConverter.ToUInt32(value),
            _ => (object)BitConverter.ToUInt64(value),
        });

        byte[] expected = new byte[Vmsa.Size];
        value.CopyTo(expected, offset);
        Assert.Equal(expected, vmsa.Page);
    }

    [Fact]
    public void Copy_Changed_LeavesTheOriginalAlone()
    {
        Vmsa vmsa = new() { Rip = 1 };
        Vmsa copy = vmsa.Copy();
        copy.Rip = 2;
        copy.VectorRegisters[0] = 9;

        Assert.Equal((1UL, 2UL), (vmsa.Rip, copy.Rip));
        Assert.Equal(9, copy.Page[0x420]);
        Assert.Equal(592, vmsa.VectorRegisters.Length);
        Assert.Equal("VMSA", Assert.Throws<SevFormatException>(() => Vmsa.Parse(new byte[4095], "short")).Field);
    }

    [Fact]
    public void Create_FurtherVcpu_StartsAtTheResetAddress()
    {
        Vmsa vmsa = VmsaProfiles.Create(VmsaProfile.QemuInit2, 0x80B004, Milan, VmsaProfiles.SnpActive | VmsaProfiles.DebugSwap);

        Assert.Equal((0x800000UL, 0xB004UL), (vmsa.Cs.Base, vmsa.Rip));
        Assert.Equal((0x1F80U, (ushort)0x37F, 0x21UL), (vmsa.Mxcsr, vmsa.X87Fcw, vmsa.SevFeatures));
    }

    [Theory]
    [InlineData("EPYC", 0x800F12)]
    [InlineData("epyc-v4", 0x800F12)]
    [InlineData("EPYC-IBPB", 0x800F12)]
    [InlineData("EPYC-Rome", 0x830F10)]
    [InlineData("EPYC-Rome-v3", 0x830F10)]
    [InlineData("EPYC-Milan-v2", 0xA00F11)]
    [InlineData("EPYC-Genoa", 0xA10F10)]
    [InlineData("EPYC-Turin", 0xB00F00)]
    [InlineData("0xa00f11", 0xA00F11)]
    [InlineData("8392466", 0x800F12)]
    public void Parse_CpuModel_GivesItsSignature(string text, uint signature) => Assert.Equal(signature, CpuModels.Parse(text));

    [Theory]
    [InlineData("EPYC-v")]
    [InlineData("EPYC-vx")]
    [InlineData("Xeon")]
    [InlineData("0x")]
    [InlineData("-1")]
    [InlineData("0x100000000")]
    public void Parse_NoCpuModel_IsRefused(string text)
    {
        SevFormatException refusal = Assert.Throws<SevFormatException>(() => CpuModels.Parse(text));

        Assert.Equal("CPU model", refusal.Field);
        Assert.Contains("EPYC-Milan", refusal.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Describe_Signature_NamesTheModelWhereItCan()
    {
        Assert.Equal("EPYC-Milan (0xa00f11)", CpuModels.Describe(0xA00F11));
        Assert.Equal("0x12345", CpuModels.Describe(0x12345));
        Assert.Equal(0x0000_0F34U, new CpuModel("old", 15, 3, 4).Signature);
        Assert.Equal(0x0000_0634U, new CpuModel("older", 6, 3, 4).Signature);
    }

    private static void AssertSegment(JsonElement shown, string name, VmsaSegment segment)
    {
        JsonElement wanted = shown.GetProperty(name);
        Assert.Equal(
            new VmsaSegment(
                wanted.GetProperty("selector").GetUInt16(),
                wanted.GetProperty("attrib").GetUInt16(),
                wanted.GetProperty("limit").GetUInt32(),
                wanted.GetProperty("base").GetUInt64()),
            segment);
    }
}
