namespace KvmSevVmm.KvmNative.Tests.Abi;

/// <summary>One fact of the kernel's interface that a C program can confirm.</summary>
/// <param name="Name">What is checked, such as <c>offset struct kvm_regs.rax</c>, or the name of a constant.</param>
/// <param name="Expression">The C expression that has the true value, an integer.</param>
/// <param name="Value">The value on the C# side; negative numbers sign-extended.</param>
/// <param name="Origin">Where the value comes from in C#.</param>
internal sealed record AbiCheck(string Name, string Expression, ulong Value, string Origin);
